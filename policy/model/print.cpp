// SPDX-License-Identifier: Apache-2.0
#include "policy/model/print.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "policy/base/sha256.h"
#include "policy/base/text.h"
#include "policy/model/date.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

using Form = AddressSetDef::Form;

constexpr std::size_t line_limit = 100;  // longer lists are written one item a line

// Quotes what YAML would read as something else than text, or not as one word.
std::string scalar(const std::string &text) {
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("._/()+-").find(c) != std::string_view::npos;
    };
    constexpr std::string_view nulls[] = {"null", "Null", "NULL"};  // "~" is not plain anyway
    const bool begins_well = !text.empty() && text[0] != '-' && text[0] != '.';
    if (begins_well && std::ranges::all_of(text, is_plain) &&
        std::ranges::find(nulls, text) == std::end(nulls))
        return text;
    std::string text_in_quotes = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') text_in_quotes += '\\';
        text_in_quotes += c;
    }
    return text_in_quotes + '"';
}

template <typename T>
std::string flow(const std::vector<T> &items, std::string (*word)(const T &)) {
    std::vector<std::string> words;
    for (const T &item : items) words.push_back(word(item));
    return words.size() == 1 ? words[0] : "[" + joined(words) + "]";
}

std::string ports_text(const Ports &ports) {
    std::vector<std::string> words;
    for (const PortRange &range : ports) words.push_back(to_string(Ports{range}));
    return flow(words, scalar);
}

// Gives the text that is printed as the name of a set file.
using FileName = std::string (*)(const SetItem &item, const std::string &folder);

// A set file counts by its contents, not by its path.
std::string content_name(const SetItem &item, const std::string &) {
    return item.file_sha256;
}

class Printer {
public:
    Printer(const Policy &policy, FileName file_name, std::string folder = {})
        : policy_(policy), file_name_(file_name), folder_(std::move(folder)) {}

    // Without what differs from host to host: names, own addresses and interfaces, and tests.
    std::string print_matrix() {
        for (const auto &[name, role] : policy_.roles)
            add("{}:{}\n", name, role.is_none ? " none" : "");
        print_opened();
        print_settings();
        return std::move(text_);
    }

    std::string print() {
        add("policy: {}\n", policy_.name);
        if (!policy_.reference.empty()) add("reference: {}\n", scalar(policy_.reference));
        print_interfaces();
        print_sets("edge", policy_.roles);
        print_opened();
        print_expectations();
        if (!policy_.accept.empty()) add("\naccept: {}\n", flow(policy_.accept, scalar));
        print_settings();
        return std::move(text_);
    }

private:
    // What is open to whom, whoever this host is.
    void print_opened() {
        print_sets("peers", policy_.peers);
        print_ports();
        if (!policy_.block.empty()) add("\nblock: {}\n", flow(policy_.block, scalar));
        if (!policy_.never_ban.empty()) add("\nnever-ban: {}\n", flow(policy_.never_ban, scalar));
        print_rows("failsafe", Section::failsafe);
        print_rows("matrix", Section::matrix);
    }

    void print_settings() {
        if (policy_.fragments_drop) add("\nfragments: drop\n");
        if (policy_.handed_over_ipv6) add("\nhanded-over-ipv6: accept\n");
        add("\nflow-capacity: {}\n", policy_.flow_capacity);
    }

    template <typename... Args>
    void add(fmt::format_string<Args...> format, Args &&...args) {
        fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    }

    void print_interfaces() {
        if (policy_.interfaces.empty()) return;
        add("\ninterfaces:\n");
        for (const InterfaceDef &interface : policy_.interfaces)
            add("  {}: {}\n", scalar(interface.name), flow(interface.roles, scalar));
    }

    std::string item_text(const SetItem &item) const {
        if (item.kind == SetItem::Kind::name) return item.text;
        if (item.kind == SetItem::Kind::prefix) return scalar(to_string(item.prefix));
        return fmt::format("{{ file: {} }}", scalar(file_name_(item, folder_)));
    }

    static std::string item_comment(const SetItem &item) {
        if (item.kind != SetItem::Kind::file) return {};
        return fmt::format("  # {} entries, sha256 {}", item.file_count, item.file_sha256);
    }

    // " ITEM", " [ITEM, ITEM]" or one a line; behind a key, so that a line feed follows.
    void print_items(const std::vector<SetItem> &items, std::string_view indent) {
        std::vector<std::string> words;
        bool has_files = false;
        for (const SetItem &item : items) {
            words.push_back(item_text(item));
            has_files |= item.kind == SetItem::Kind::file;
        }
        if (items.size() == 1) return add(" {}{}\n", words[0], item_comment(items[0]));
        if (const std::string line = joined(words); !has_files && line.size() <= line_limit)
            return add(" [{}]\n", line);
        add("\n");
        for (std::size_t i = 0; i < items.size(); ++i)
            add("{}- {}{}\n", indent, words[i], item_comment(items[i]));
    }

    void print_set(const std::string &name, const AddressSetDef &set) {
        add("  {}:", name);
        switch (set.form) {
            case Form::any:
                return add(" any\n");
            case Form::none:
                return add(" none\n");
            case Form::required:
                return add(" required\n");
            case Form::interface:
                return add(" interface\n");
            case Form::items:
                return print_items(set.items, "    ");
            case Form::except:
                break;
        }
        add("\n    of:");
        if (set.of_any)
            add(" any\n");
        else
            print_items(set.items, "      ");
        add("    except:");
        print_items(set.except, "      ");
    }

    void print_sets(std::string_view section, const std::map<std::string, AddressSetDef> &sets) {
        if (sets.empty()) return;
        add("\n{}:\n", section);
        for (const auto &[name, set] : sets) print_set(name, set);
    }

    void print_ports() {
        if (policy_.ports.empty()) return;
        add("\nports:\n");
        for (const auto &[name, set] : policy_.ports)
            add("  {}: {}\n", name, ports_text(set.ports));
    }

    void print_text(std::string_view key, const std::string &text) {
        if (!text.empty()) add("    {}: {}\n", key, scalar(text));
    }

    void print_rows(std::string_view key, Section section) {
        bool first = true;
        for (const Row &row : policy_.rows) {
            if (row.section != section) continue;
            if (first) add("\n{}:\n", key);
            first = false;
            print_row(row);
        }
    }

    void print_row(const Row &row) {
        std::vector<std::string> transports;
        for (const std::uint8_t number : row.transports)
            transports.push_back(transport_name(number));
        add("  - id: {}\n", row.id);
        print_text("role", row.role);
        print_text("protocol", row.protocol);
        add("    transport: {}\n", flow(transports, scalar));
        add("    source: {}\n    destination: {}\n", row.source, row.destination);
        if (!row.port.empty()) add("    port: {}\n", row.port_text);
        if (!row.port.empty() && row.source_port != any_port)
            add("    source-port: {}\n", row.source_port_text);
        print_text("notes", row.notes);
        print_text("owner", row.owner);
        print_text("ticket", row.ticket);
        print_text("expires", date_text(row.expires));
        if (row.check.payload != Check::Payload::none)
            add("    check: {{ payload: {}, on-mismatch: {} }}\n", payload_name(row.check.payload),
                row.check.drop ? "drop" : "count");
        if (row.limit.flows != 0)
            add("    limit: {{ new-flows: {}/{}, burst: {}, per: {} }}\n", row.limit.flows,
                row.limit.per_seconds == 1 ? "s" : "min", row.limit.burst,
                row.limit.per_row ? "row" : "peer");
        if (!row.accept.empty()) add("    accept: {}\n", flow(row.accept, scalar));
    }

    void print_expectations() {
        if (policy_.expect.empty()) return;
        add("\nexpect:\n");
        for (const Expectation &each : policy_.expect) add("  - {{ {} }}\n", pm::print(each));
    }

    const Policy &policy_;
    FileName file_name_;
    std::string folder_;
    std::string text_;
};

}  // namespace

std::string print(const Policy &policy) {
    return Printer(policy, [](const SetItem &item, const std::string &) { return item.file_path; })
        .print();
}

std::string print(const Expectation &one) {
    const auto end = [](const std::optional<Address> &address, const std::string &role) {
        return address ? scalar(to_string(*address)) : role;
    };
    std::string text =
        fmt::format("from: {}, to: {}, transport: {}", end(one.from_address, one.from_role),
                    end(one.to_address, one.to_role), transport_name(one.transport));
    if (!one.port.empty()) text += ", port: " + ports_text(one.port);
    if (one.source_port != any_port) text += ", source-port: " + ports_text(one.source_port);
    text += fmt::format(", verdict: {}", one.pass ? "pass" : "drop");
    if (one.row) text += ", row: " + *one.row;
    if (one.interface) text += ", interface: " + scalar(*one.interface);
    return text;
}

std::string print_with_files_in(const std::string &folder, const Policy &policy) {
    return Printer(
               policy,
               [](const SetItem &item, const std::string &where) {
                   return where + "/" + item.file_sha256;
               },
               folder)
        .print();
}

std::string digest(const Policy &policy) {
    return sha256(Printer(policy, content_name).print());
}

std::string matrix_digest(const Policy &policy) {
    return sha256(Printer(policy, content_name).print_matrix());
}

}  // namespace pm
