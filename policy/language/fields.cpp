// SPDX-License-Identifier: Apache-2.0
#include "policy/language/fields.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "policy/base/text.h"
#include "policy/language/words.h"

namespace pm {
namespace {

std::string_view kind_of(const Node &node) {
    switch (node.kind) {
        case Node::Kind::map:
            return "a map";
        case Node::Kind::list:
            return "a list";
        default:
            return "a single value";
    }
}

// Says that a node is not of the kind wanted.
void wrong_kind(const Reading &reading, const Node &node, std::string_view what,
                std::string_view wanted) {
    if (node.kind == Node::Kind::null)
        reading.error(node, fmt::format("{} has no value", what));
    else
        reading.error(node, fmt::format("{} must be {}, not {}", what, wanted, kind_of(node)));
}

// In braces a comma begins a key, which has no value then: { port: 443,5061 }.
std::string list_hint(const NodeEntry &left, const NodeEntry &entry) {
    if (left.key.line != entry.key.line || left.value.kind != Node::Kind::scalar ||
        entry.value.kind != Node::Kind::null)
        return {};
    return fmt::format("several values are a list: {}: [{}, {}]", printable(left.key.text),
                       printable(left.value.text), printable(entry.key.text));
}

}  // namespace

bool Reading::expect_map(const Node &node, std::string_view what) const {
    if (node.kind == Node::Kind::map) return true;
    wrong_kind(*this, node, what, "a map");
    return false;
}

bool Reading::expect_list(const Node &node, std::string_view what) const {
    if (node.kind == Node::Kind::list) return true;
    wrong_kind(*this, node, what, "a list");
    return false;
}

const std::string *Reading::text(const Node &node, std::string_view what) const {
    if (node.kind == Node::Kind::scalar) return &node.text;
    wrong_kind(*this, node, what, "a single value");
    return nullptr;
}

std::optional<std::string> Reading::free_text(const Node &node, std::string_view what,
                                              std::size_t most) const {
    const std::string *found = text(node, what);
    if (!found) return std::nullopt;
    if (const std::size_t length = count_code_points(*found); length > most) {
        error(node, fmt::format("{} has {} characters; the limit is {}", what, length, most));
        return std::nullopt;
    }
    return *found;
}

std::optional<Name> Reading::name(const Node &node, std::string_view what) const {
    const std::string *found = text(node, what);
    if (!found) return std::nullopt;
    auto name = value_of(node, parse_name(*found, what), name_hint(*found));
    if (!name) return std::nullopt;
    return Name{std::move(*name), at(node)};
}

std::vector<Name> Reading::names(const Node &node, std::string_view list,
                                 std::string_view what) const {
    std::vector<Name> all;
    std::set<std::string> seen;
    each(node, list, [&](const Node &item) {
        auto found = name(item, node.kind == Node::Kind::null ? list : what);
        if (!found) return;
        if (!seen.insert(found->text).second)
            error(item, fmt::format("{} {} is listed twice", what, quote(found->text)));
        else
            all.push_back(std::move(*found));
    });
    return all;
}

void Reading::each(const Node &node, std::string_view what,
                   const std::function<void(const Node &)> &visit) const {
    if (node.kind != Node::Kind::list) return visit(node);
    if (node.items.empty()) return error(node, fmt::format("{}: the list is empty", what));
    for (const Node &item : node.items) visit(item);
}

Fields::Fields(const Reading &reading, const Node &map, std::string_view what,
               const std::vector<std::string> &keys)
    : map_(map) {
    const NodeEntry *before = nullptr;
    for (const NodeEntry &entry : map.entries) {
        const NodeEntry *left = std::exchange(before, &entry);
        if (std::ranges::find(keys, entry.key.text) != keys.end()) continue;
        std::string hint = character_hint(entry.key.text);
        if (hint.empty()) hint = did_you_mean(entry.key.text, keys);
        if (hint.empty() && left) hint = list_hint(*left, entry);
        if (hint.empty()) hint = fmt::format("its keys: {}", joined(keys));
        reading.error(entry.key, fmt::format("{} has no key {}", what, quote(entry.key.text)),
                      std::move(hint));
    }
}

const Node *Fields::find(std::string_view key) const {
    for (const NodeEntry &entry : map_.entries)
        if (entry.key.text == key) return &entry.value;
    return nullptr;
}

}  // namespace pm
