// SPDX-License-Identifier: Apache-2.0
// Reads the top level of a policy file: small sections here, the others by sections.h.

#include <fmt/format.h>

#include "policy/base/text.h"
#include "policy/language/sections.h"
#include "policy/language/words.h"

namespace pm {
namespace {

constexpr std::size_t reference_limit = 500;  // characters
constexpr std::uint32_t flows_least = 1024, flows_most = 1U << 24;

// `include` takes file names, which may have characters that names of a policy may not have.
std::vector<Name> read_includes(const Reading &reading, const Node &node) {
    std::vector<Name> all;
    reading.each(node, "'include'", [&](const Node &item) {
        const std::string *path = reading.text(item, "an included file");
        if (path && path->empty())
            reading.error(item, "the name of an included file is empty");
        else if (path)
            all.push_back({*path, reading.at(item)});
    });
    return all;
}

std::vector<WrittenInterface> read_interfaces(const Reading &reading, const Node &node) {
    std::vector<WrittenInterface> all;
    if (!reading.expect_map(node, "'interfaces'")) return all;
    if (node.entries.empty()) reading.error(node, "'interfaces' names no interface");
    if (node.entries.size() > PM_INTERFACES)
        reading.error(node, fmt::format("{} interfaces; the limit is {}", node.entries.size(),
                                        PM_INTERFACES));
    for (const auto &[key, value] : node.entries) {
        constexpr std::size_t longest = 15;  // IFNAMSIZ and its NUL
        const std::string &name = key.text;
        if (name.empty() || name.size() > longest || name == "." || name == ".." ||
            name.find_first_of("/ :") != name.npos) {
            reading.error(key, fmt::format("{} is not an interface name", quote(name)));
            continue;
        }
        all.push_back({{name, reading.at(key)},
                       reading.names(value, fmt::format("interface {}", quote(name)), "role")});
    }
    return all;
}

using Sets = std::map<std::string, AddressSetDef>;

// Names of roles, peers and ports share one namespace; `taken` holds those of the file so far.
class Definitions {
public:
    explicit Definitions(const Reading &reading) : reading_(reading) {}

    std::optional<Name> define(const Node &key, std::string_view what) {
        auto name = reading_.name(key, what);
        if (!name) return std::nullopt;
        const auto [earlier, is_new] = lines_.emplace(name->text, key.line);
        if (is_new) return name;
        reading_.error(
            key,
            fmt::format(
                "{} {} is already defined in line {}; roles, peers and ports share one namespace",
                what, quote(name->text), earlier->second));
        return std::nullopt;
    }

    void read_sets(const Node *node, SetKind kind, Sets &sets) {
        const bool is_role = kind == SetKind::role;
        if (!node || !reading_.expect_map(*node, is_role ? "'edge'" : "'peers'")) return;
        for (const auto &[key, value] : node->entries) {
            const auto name = define(key, is_role ? "role" : "peer set");
            if (!name) continue;
            if (auto set = read_set(reading_, *name, value, kind))
                sets.emplace(name->text, std::move(*set));
        }
    }

    void read_port_sets(const Node *node, std::map<std::string, PortSetDef> &sets) {
        if (!node || !reading_.expect_map(*node, "'ports'")) return;
        for (const auto &[key, value] : node->entries) {
            const auto name = define(key, "port set");
            const auto items =
                name ? read_ports(reading_, value, PortNames::refused) : std::nullopt;
            if (!items) continue;
            std::vector<PortRange> ranges;
            for (const PortItem &item : *items) ranges.push_back(item.range);
            sets.emplace(name->text, PortSetDef{merge_ports(std::move(ranges)), name->where});
        }
    }

private:
    const Reading &reading_;
    std::map<std::string, int> lines_;
};

void read_settings(const Reading &reading, const Fields &fields, Document &document) {
    if (const Node *node = fields.find("fragments")) {
        const std::string *text = reading.text(*node, "'fragments'");
        if (text && *text != "track" && *text != "drop")
            reading.error(*node, fmt::format("fragments {}: write track or drop", quote(*text)));
        else if (text)
            document.fragments_drop = {*text == "drop", reading.at(*node)};
    }
    if (const Node *node = fields.find("handed-over-ipv6")) {
        const std::string *text = reading.text(*node, "'handed-over-ipv6'");
        if (text && *text != "accept" && *text != "drop")
            reading.error(*node,
                          fmt::format("handed-over-ipv6 {}: write accept or drop", quote(*text)));
        else if (text)
            document.handed_over_ipv6 = {*text == "accept", reading.at(*node)};
    }
    if (const Node *node = fields.find("flow-capacity")) {
        const std::string *text = reading.text(*node, "'flow-capacity'");
        if (!text) return;
        const auto parsed = parse_number(*text, "flow-capacity", flows_least, flows_most);
        if (const auto value = reading.value_of(*node, parsed))
            document.flow_capacity = {*value, reading.at(*node)};
    }
}

// Rows of both sections; a second row of the same id is left out.
void read_all_rows(const Reading &reading, const Fields &fields, Document &document) {
    std::map<std::string, int> lines;
    for (const Section section : {Section::failsafe, Section::matrix}) {
        const Node *node = fields.find(section == Section::failsafe ? "failsafe" : "matrix");
        if (!node) continue;
        for (WrittenRow &row : read_rows(reading, *node, section)) {
            const auto [earlier, is_new] = lines.emplace(row.row.id, row.row.where.line);
            if (is_new)
                document.rows.push_back(std::move(row));
            else
                reading.diagnostics.error(row.row.where,
                                          fmt::format("row id {} is already used in line {}",
                                                      quote(row.row.id), earlier->second));
        }
    }
}

}  // namespace

std::optional<Document> read_document(const std::shared_ptr<const SourceFile> &file,
                                      Diagnostics &diagnostics) {
    const auto root = parse_yaml(file, diagnostics);
    const Reading reading{file, diagnostics};
    if (!root || !reading.expect_map(*root, "a policy file")) return std::nullopt;
    if (root->entries.empty()) {
        diagnostics.error({file}, "the file says nothing");
        return std::nullopt;
    }
    const Fields fields(reading, *root, "a policy file",
                        {"policy", "reference", "include", "interfaces", "edge", "peers", "ports",
                         "block", "never-ban", "failsafe", "matrix", "remove", "expect",
                         "fragments", "handed-over-ipv6", "flow-capacity", "accept"});
    Document document;
    document.file = file;
    if (const Node *node = fields.find("policy")) document.name = reading.name(*node, "policy");
    if (const Node *node = fields.find("reference"))
        document.reference = reading.free_text(*node, "'reference'", reference_limit).value_or("");
    if (const Node *node = fields.find("include")) document.include = read_includes(reading, *node);
    if (const Node *node = fields.find("interfaces"))
        document.interfaces = {read_interfaces(reading, *node), reading.at(*node)};

    Definitions definitions(reading);
    definitions.read_sets(fields.find("edge"), SetKind::role, document.roles);
    definitions.read_sets(fields.find("peers"), SetKind::peers, document.peers);
    definitions.read_port_sets(fields.find("ports"), document.ports);

    if (const Node *node = fields.find("block"))
        document.block = reading.names(*node, "'block'", "peer set");
    if (const Node *node = fields.find("accept"))
        document.accept = read_accept(reading, *node, policy_findings);
    if (const Node *node = fields.find("never-ban"))
        document.never_ban = reading.names(*node, "'never-ban'", "peer set");
    read_all_rows(reading, fields, document);
    if (const Node *node = fields.find("remove"))
        document.remove = reading.names(*node, "'remove'", "row");
    if (const Node *node = fields.find("expect"))
        document.expect = read_expectations(reading, *node);
    read_settings(reading, fields, document);
    return document;
}

}  // namespace pm
