// SPDX-License-Identifier: Apache-2.0
// Reads the rows of `matrix` and `failsafe`. As many faults of a row as
// possible are reported at once.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "policy/base/text.h"
#include "policy/language/sections.h"
#include "policy/language/words.h"
#include "policy/model/date.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

constexpr std::size_t column_limit = 100;  // characters of role and protocol
constexpr std::size_t notes_limit = 1000;
constexpr std::size_t label_limit = 64;  // bytes of owner and ticket
constexpr std::uint32_t burst_limit = 1'000'000;

// A row names sets. An address in its place would have no name to be shown in counters.
std::optional<Name> read_side(const Reading &reading, const Node &node, std::string_view what) {
    if (node.kind == Node::Kind::list) {
        reading.error(node, fmt::format("{} takes one name, not a list", what),
                      "define a set of them under peers or edge");
        return std::nullopt;
    }
    const std::string *text = reading.text(node, what);
    if (!text) return std::nullopt;
    if (*text == "any") return Name{*text, reading.at(node)};
    if (parse_address(*text) || parse_prefix(*text)) {
        reading.error(
            node,
            fmt::format("{} {} is an address; rows name roles and peer sets", what, quote(*text)),
            fmt::format("define it under peers, such as 'partner: {}', and write its name", *text));
        return std::nullopt;
    }
    return reading.name(node, what);
}

bool read_transports(const Reading &reading, const Node &node, Row &row) {
    bool whole = node.kind != Node::Kind::list || !node.items.empty();
    reading.each(node, "'transport'", [&](const Node &item) {
        const std::string *text = reading.text(item, "a transport");
        const auto number =
            text ? reading.value_of(item, parse_transport(*text), transport_hint(*text))
                 : std::nullopt;
        if (!number) {
            whole = false;
        } else if (has_transport(row, *number)) {
            reading.error(item, fmt::format("transport {} is listed twice", quote(*text)));
        } else if (!row.transports.empty() && has_ports(*number) != has_ports(row.transports[0])) {
            reading.error(
                item,
                fmt::format("{} in one row with others: tcp and udp have ports, all else has none",
                            quote(*text)),
                "write two rows");
            whole = false;
        } else {
            row.transports.push_back(*number);
        }
    });
    return whole;
}

bool read_row_ports(const Reading &reading, const Fields &fields, WrittenRow &row) {
    const bool ported = has_ports(row.row.transports[0]);
    bool whole = true;
    for (const char *key : {"port", "source-port"}) {
        const Node *node = fields.find(key);
        if (node && !ported) {
            reading.error(*node, fmt::format("row {} takes no {}: only tcp and udp have ports",
                                             quote(row.row.id), key));
            whole = false;
        }
    }
    if (!ported) return whole;

    const Node *port = fields.find("port");
    if (!port) {
        reading.diagnostics.error(
            row.row.where,
            fmt::format("row {} has no port; tcp and udp rows need one", quote(row.row.id)),
            "write 'port: any' if every port is meant");
        return false;
    }
    const auto ports = read_ports(reading, *port, PortNames::allowed);
    if (ports) row.port = *ports;
    const Node *source_port = fields.find("source-port");
    row.source_port = {PortItem{}};
    if (source_port) {
        const auto items = read_ports(reading, *source_port, PortNames::allowed);
        if (!items) return false;
        row.source_port = *items;
    }
    return ports.has_value();
}

void read_check(const Reading &reading, const Node &node, Row &row) {
    if (!reading.expect_map(node, "'check'")) return;
    const Fields fields(reading, node, "a check", {"payload", "on-mismatch"});
    const Node *payload = fields.find("payload");
    if (!payload)
        return reading.error(node, "the check has no payload", "such as { payload: tls }");
    const std::string *name = reading.text(*payload, "'payload'");
    if (!name) return;

    const PayloadKind *kind = find_payload(*name);
    if (!kind)
        return reading.error(
            *payload,
            fmt::format("payload {}: write none, tls, stun, msturn, rtp or sip", quote(*name)));
    for (const std::uint8_t transport : row.transports) {
        if (!is_spoken_over(*kind, transport))
            return reading.error(
                *payload,
                fmt::format(
                    "payload {} does not fit the transport: tls is over tcp, rtp over udp, stun, msturn and sip over either",
                    quote(*name)));
    }
    row.check.payload = kind->payload;

    if (const Node *mismatch = fields.find("on-mismatch")) {
        const std::string *text = reading.text(*mismatch, "'on-mismatch'");
        if (text && *text != "count" && *text != "drop")
            reading.error(*mismatch,
                          fmt::format("on-mismatch {}: write count or drop", quote(*text)));
        row.check.drop = text && *text == "drop";
    }
}

void read_limit(const Reading &reading, const Node &node, Row &row) {
    if (!reading.expect_map(node, "'limit'")) return;
    const Fields fields(reading, node, "a limit", {"new-flows", "burst", "per"});
    const Node *rate = fields.find("new-flows");
    if (!rate) return reading.error(node, "the limit has no rate", "such as { new-flows: 50/s }");
    const std::string *text = reading.text(*rate, "'new-flows'");
    const auto limit = text ? reading.value_of(*rate, parse_rate(*text)) : std::nullopt;
    if (!limit) return;
    row.limit = *limit;

    if (const Node *burst = fields.find("burst")) {
        const std::string *number = reading.text(*burst, "'burst'");
        if (!number) return;
        row.limit.burst =
            reading.value_of(*burst, parse_number(*number, "burst", 1, burst_limit)).value_or(1);
    }
    if (const Node *per = fields.find("per")) {
        const std::string *whom = reading.text(*per, "'per'");
        if (whom && *whom != "peer" && *whom != "row")
            reading.error(*per, fmt::format("per {}: write peer or row", quote(*whom)));
        row.limit.per_row = whom && *whom == "row";
    }
}

void read_texts(const Reading &reading, const Fields &fields, Row &row) {
    const auto read = [&](const char *key, std::size_t limit) -> std::string {
        const Node *node = fields.find(key);
        if (!node) return {};
        return reading.free_text(*node, fmt::format("'{}'", key), limit).value_or("");
    };
    row.role = read("role", column_limit);
    row.protocol = read("protocol", column_limit);
    row.notes = read("notes", notes_limit);
    if (const Node *node = fields.find("accept"))
        row.accept = read_accept(reading, *node, row_findings);
}

// Who answers for a row, and why it is there. No text has control characters (yaml.cpp).
std::string read_label(const Reading &reading, const Fields &fields, const std::string &key) {
    const Node *node = fields.find(key);
    const std::string *text = node ? reading.text(*node, quote(key)) : nullptr;
    if (!text) return {};
    if (text->size() <= label_limit) return *text;
    reading.error(*node,
                  fmt::format("'{}' has {} bytes; the limit is {}", key, text->size(), label_limit),
                  "write the rest under notes");
    return {};
}

// The last day of a row. A failsafe row has none: nobody may be shut out by a calendar.
void read_expiry(const Reading &reading, const Fields &fields, Row &row) {
    const Node *node = fields.find("expires");
    if (!node) return;
    if (row.section == Section::failsafe)
        return reading.error(
            *node,
            fmt::format("failsafe row {} takes no expires: nothing may cut it", quote(row.id)),
            "leave it out, or write the row under matrix");
    const std::string *text = reading.text(*node, "'expires'");
    if (text) row.expires = reading.value_of(*node, parse_date(*text)).value_or(0);
}

// The check and the limit of a row. They may deny, which a failsafe row must never do.
void read_conditions(const Reading &reading, const Fields &fields, Row &row) {
    for (const char *key : {"check", "limit"}) {
        const Node *node = fields.find(key);
        if (!node) continue;
        if (row.section == Section::failsafe)
            reading.error(*node, fmt::format("failsafe row {} takes no {}: nothing may cut it",
                                             quote(row.id), key));
        else if (key == std::string_view("check"))
            read_check(reading, *node, row);
        else
            read_limit(reading, *node, row);
    }
}

std::optional<WrittenRow> read_row(const Reading &reading, const Node &node, Section section) {
    if (!reading.expect_map(node, "a row")) return std::nullopt;
    const Fields fields(
        reading, node, "a row",
        {"id", "role", "protocol", "transport", "source", "destination", "port", "source-port",
         "notes", "owner", "ticket", "expires", "check", "limit", "accept"});
    const Node *id_node = fields.find("id");
    if (!id_node) {
        reading.error(node, "the row has no id",
                      "its counters go by it; choose one that will stay");
        return std::nullopt;
    }
    const auto id = reading.name(*id_node, "row id");
    if (!id) return std::nullopt;

    WrittenRow row;
    row.row.id = id->text;
    row.row.where = id->where;
    row.row.section = section;
    read_texts(reading, fields, row.row);
    row.row.owner = read_label(reading, fields, "owner");
    row.row.ticket = read_label(reading, fields, "ticket");
    read_expiry(reading, fields, row.row);

    bool whole = true;
    for (const char *key : {"transport", "source", "destination"}) {
        if (fields.find(key)) continue;
        reading.diagnostics.error(id->where, fmt::format("row {} has no {}", quote(id->text), key));
        whole = false;
    }
    if (!whole) return std::nullopt;

    whole = read_transports(reading, *fields.find("transport"), row.row);
    if (whole) {
        whole = read_row_ports(reading, fields, row);
        read_conditions(reading, fields, row.row);
    }
    const auto source = read_side(reading, *fields.find("source"), "source");
    const auto destination = read_side(reading, *fields.find("destination"), "destination");
    if (!whole || !source || !destination) return std::nullopt;
    row.source = *source;
    row.destination = *destination;
    return row;
}

}  // namespace

std::vector<std::string> read_accept(const Reading &reading, const Node &node,
                                     std::span<const std::string_view> known) {
    std::vector<std::string> accepted;
    for (const Name &name : reading.names(node, "'accept'", "finding")) {
        if (std::ranges::find(known, name.text) != known.end())
            accepted.push_back(name.text);
        else
            reading.diagnostics.error(
                name.where, fmt::format("finding {} cannot be accepted here", quote(name.text)),
                fmt::format("write {}", fmt::join(known, ", ")));
    }
    return accepted;
}

std::vector<WrittenRow> read_rows(const Reading &reading, const Node &node, Section section) {
    std::vector<WrittenRow> rows;
    if (!reading.expect_list(node, section == Section::failsafe ? "'failsafe'" : "'matrix'"))
        return rows;
    for (const Node &item : node.items)
        if (auto row = read_row(reading, item, section)) rows.push_back(std::move(*row));
    return rows;
}

}  // namespace pm
