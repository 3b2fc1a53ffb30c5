// SPDX-License-Identifier: Apache-2.0
// Reads the sets of addresses under `edge` and `peers`, and lists of ports.
#include <filesystem>

#include <fmt/format.h>

#include "policy/base/text.h"
#include "policy/language/sections.h"
#include "policy/language/words.h"

namespace pm {
namespace {

using Form = AddressSetDef::Form;

// A relative path begins in the folder of the file that names it. A path with '..' is left alone:
// what '..' means depends on links.
std::string absolute_path(const SourceFile &file, const std::string &written) {
    const std::filesystem::path path =
        std::filesystem::absolute(std::filesystem::path(file.name).parent_path() / written);
    for (const std::filesystem::path &part : path)
        if (part == "..") return path.string();
    return path.lexically_normal().string();
}

std::optional<SetItem> read_file_item(const Reading &reading, const Node &node) {
    if (node.entries.size() != 1 || node.entries[0].key.text != "file") {
        const bool is_address =
            !node.entries.empty() && node.entries[0].key.text.find(':') != std::string::npos;
        reading.error(node, "an item that is a map is { file: PATH }",
                      is_address ? "quote an IPv6 address that ends with a colon" : "");
        return std::nullopt;
    }
    const Node &value = node.entries[0].value;
    const std::string *path = reading.text(value, "'file'");
    if (!path) return std::nullopt;
    if (path->empty()) {
        reading.error(value, "the name of the file is empty");
        return std::nullopt;
    }
    SetItem item;
    item.kind = SetItem::Kind::file;
    item.text = *path;
    item.file_path = absolute_path(*reading.file, *path);
    if (!is_writable(item.file_path)) {
        reading.error(value,
                      fmt::format("the path {} has control characters, or is not UTF-8",
                                  quote(item.file_path)),
                      "move the policy and its files to a folder with a plain name");
        return std::nullopt;
    }
    item.where = reading.at(value);
    return item;
}

bool looks_like_address(std::string_view text) {
    return text.find_first_of(".:/%") != text.npos || (text[0] >= '0' && text[0] <= '9');
}

// A word that begins with a letter and has no colon is a host name, not a mistyped address.
std::string address_hint(std::string_view text) {
    const bool is_host = text.find(':') == text.npos && text[0] >= 'a' && text[0] <= 'z';
    return is_host ? "nothing is resolved by DNS: write addresses" : address_range_hint(text);
}

// "203.0.113.10/24" as the address of an interface is written: whoever follows the usual hint, and
// writes the prefix, takes the neighbours' addresses for this host's.
bool is_interface_address(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address || slash == text.npos || parse_prefix(text)) return false;
    const std::string_view digits = text.substr(slash + 1);
    const auto length = is_decimal(digits) ? parse_digits<std::uint8_t>(digits) : std::nullopt;
    return length && *length <= (address->is_v4() ? 32 : 128);
}

std::optional<SetItem> read_item(const Reading &reading, const Node &node, SetKind kind) {
    if (node.kind == Node::Kind::map) return read_file_item(reading, node);
    const std::string *text = reading.text(node, "an item of a set");
    if (!text) return std::nullopt;

    SetItem item;
    item.text = *text;
    item.where = reading.at(node);
    if (*text == "any" || *text == "none" || *text == "required" || *text == "interface") {
        reading.error(node, fmt::format("{} stands alone; it is no item of a list", quote(*text)));
        return std::nullopt;
    }
    if (kind == SetKind::role && is_interface_address(*text)) {
        reading.error(
            node,
            fmt::format("{} has host bits set: a role is this host's own addresses", quote(*text)),
            fmt::format("write {}", text->substr(0, text->find('/'))));
        return std::nullopt;
    }
    if (!text->empty() && looks_like_address(*text)) {
        const bool is_prefix = text->find('/') != text->npos;
        const auto parsed =
            is_prefix ? parse_prefix(*text) : parse_address(*text).map([](const Address &address) {
                return Prefix{address, address.is_v4() ? 32 : 128};
            });
        const auto prefix = reading.value_of(node, parsed, address_hint(*text));
        if (!prefix) return std::nullopt;
        item.prefix = *prefix;
        return item;
    }
    if (!reading.name(node, "set")) return std::nullopt;
    item.kind = SetItem::Kind::name;
    return item;
}

// If one item is at fault, there is no result, so that nobody goes on with half a set.
std::optional<std::vector<SetItem>> read_items(const Reading &reading, const Node &node,
                                               std::string_view what, SetKind kind) {
    std::vector<SetItem> items;
    bool whole = node.kind != Node::Kind::list || !node.items.empty();
    reading.each(node, what, [&](const Node &each) {
        if (auto item = read_item(reading, each, kind))
            items.push_back(std::move(*item));
        else
            whole = false;
    });
    if (!whole) return std::nullopt;
    return items;
}

// { of: ITEMS, except: ITEMS }
bool read_except(const Reading &reading, const Node &node, AddressSetDef &set, SetKind kind) {
    const Fields fields(reading, node, "a set", {"of", "except", "file"});
    const Node *of = fields.find("of");
    const Node *except = fields.find("except");
    if (!of || !except || fields.find("file")) {
        reading.error(node,
                      "a set that is a map is { of: ITEMS, except: ITEMS } or { file: PATH }");
        return false;
    }
    set.form = Form::except;
    set.of_any = of->kind == Node::Kind::scalar && of->text == "any";
    if (!set.of_any) {
        auto items = read_items(reading, *of, "'of'", kind);
        if (!items) return false;
        set.items = std::move(*items);
    }
    auto items = read_items(reading, *except, "'except'", kind);
    if (!items) return false;
    set.except = std::move(*items);
    return true;
}

// The form that one word stands for, whether it is allowed there or not.
std::optional<Form> word_form(const Node &node) {
    if (node.kind != Node::Kind::scalar) return std::nullopt;
    if (node.text == "any") return Form::any;
    if (node.text == "none") return Form::none;
    if (node.text == "required") return Form::required;
    if (node.text == "interface") return Form::interface;
    return std::nullopt;
}

void refuse_any_role(const Reading &reading, const Name &name, const Node &node) {
    reading.error(
        node,
        fmt::format("role {} cannot be any: a role is this host's own addresses", quote(name.text)),
        "write 'interface' for whatever arrives, or list the addresses");
}

}  // namespace

std::optional<AddressSetDef> read_set(const Reading &reading, const Name &name, const Node &node,
                                      SetKind kind) {
    const bool is_role = kind == SetKind::role;
    const std::string what = fmt::format("set {}", quote(name.text));
    AddressSetDef set;
    set.where = name.where;
    if (node.kind == Node::Kind::null) {
        reading.text(node, what);
        return std::nullopt;
    }
    if (const auto form = word_form(node)) {
        set.form = *form;
        if (is_role && set.form == Form::any) {
            refuse_any_role(reading, name, node);
            return std::nullopt;
        }
        if (!is_role && set.form == Form::interface) {
            reading.error(node, fmt::format("peer set {} cannot be interface: only roles can",
                                            quote(name.text)));
            return std::nullopt;
        }
        return set;
    }
    const bool is_file = node.kind == Node::Kind::map && node.entries.size() == 1 &&
                         node.entries[0].key.text == "file";
    if (node.kind == Node::Kind::map && !is_file) {
        if (!read_except(reading, node, set, kind)) return std::nullopt;
        if (is_role && set.of_any) {
            refuse_any_role(reading, name, node);
            return std::nullopt;
        }
        return set;
    }
    auto items = read_items(reading, node, what, kind);
    if (!items) return std::nullopt;
    set.items = std::move(*items);
    return set;
}

std::optional<PortItems> read_ports(const Reading &reading, const Node &node, PortNames names) {
    const bool is_list = node.kind == Node::Kind::list;
    PortItems items;
    bool whole = !is_list || !node.items.empty();
    reading.each(node, "ports", [&](const Node &each) {
        PortItem item;
        item.where = reading.at(each);
        const std::string *text = reading.text(each, "a port");
        if (text && *text == "any" && !is_list) {
            items.push_back(item);  // the whole range
        } else if (text && names == PortNames::allowed && is_name(*text)) {
            const auto name = reading.name(each, "port");
            if (name) item.name = name->text, items.push_back(std::move(item));
            whole = whole && name;
        } else if (const auto range =
                       text ? reading.value_of(each, parse_port_range(*text), port_hint(*text))
                            : std::nullopt) {
            item.range = *range;
            items.push_back(std::move(item));
        } else {
            whole = false;
        }
    });
    if (!whole) return std::nullopt;
    return items;
}

}  // namespace pm
