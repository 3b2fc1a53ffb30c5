// SPDX-License-Identifier: Apache-2.0
// Reads `expect`, the policy's own tests.
#include <fmt/format.h>

#include "policy/base/text.h"
#include "policy/language/sections.h"
#include "policy/language/words.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

// One side of a flow: an address, or else the name of a role.
struct End {
    std::optional<Address> address;
    Name role;
};

std::optional<End> read_end(const Reading &reading, const Node &node, std::string_view what) {
    const std::string *text = reading.text(node, what);
    if (!text) return std::nullopt;
    if (is_name(*text)) {
        auto role = reading.name(node, what);
        if (!role) return std::nullopt;
        return End{std::nullopt, std::move(*role)};
    }
    const auto address = reading.value_of(node, parse_address(*text),
                                          "write one address, or a role for all of its addresses");
    if (!address) return std::nullopt;
    return End{address, {}};
}

// tcp: PORTS, udp: PORTS, or transport: NAME with or without port: PORTS.
bool read_transport(const Reading &reading, const Node &node, const Fields &fields,
                    WrittenExpectation &written) {
    const Node *given = nullptr;
    for (const char *key : {"tcp", "udp", "transport"}) {
        const Node *value = fields.find(key);
        if (!value) continue;
        if (given) {
            reading.error(*value, "an expectation takes one of tcp, udp and transport");
            return false;
        }
        given = value;
    }
    const Node *port = fields.find("port");
    if (const Node *transport = fields.find("transport")) {
        const std::string *text = reading.text(*transport, "'transport'");
        written.transport =
            text ? reading.value_of(*transport, parse_transport(*text), transport_hint(*text))
                 : std::nullopt;
        if (!written.transport) return false;
    } else if (given) {
        if (port) {
            reading.error(*port, "the port stands at tcp or udp already");
            return false;
        }
        written.transport = *parse_transport(fields.find("tcp") ? "tcp" : "udp");
        port = given;
    }
    const Node *source_port = fields.find("source-port");
    if (written.transport && !has_ports(*written.transport) && (port || source_port)) {
        reading.error(node, "only tcp and udp have ports");
        return false;
    }
    if (port) written.port = read_ports(reading, *port, PortNames::allowed);
    if (source_port) written.source_port = read_ports(reading, *source_port, PortNames::allowed);
    return (!port || written.port) && (!source_port || written.source_port);
}

bool read_verdict(const Reading &reading, const Node &node, const Fields &fields,
                  WrittenExpectation &written) {
    const Node *value = fields.find("verdict");
    if (!value) {
        reading.error(node, "the expectation has no verdict",
                      "write 'verdict: pass' or 'verdict: drop'");
        return false;
    }
    const std::string *verdict = reading.text(*value, "'verdict'");
    if (!verdict) return false;
    if (*verdict != "pass" && *verdict != "drop") {
        reading.error(*value, fmt::format("verdict {}: write pass or drop", quote(*verdict)));
        return false;
    }
    written.expectation.pass = *verdict == "pass";

    if (const Node *row = fields.find("row")) {
        if (!written.expectation.pass) {
            reading.error(*row, "no row drops: leave 'row' out, or expect 'pass'");
            return false;
        }
        written.row = reading.name(*row, "row");
        if (!written.row) return false;
    }
    if (const Node *interface = fields.find("interface")) {
        const std::string *name = reading.text(*interface, "'interface'");
        if (!name) return false;
        written.interface = Name{*name, reading.at(*interface)};
    }
    return true;
}

std::optional<WrittenExpectation> read_expectation(const Reading &reading, const Node &node) {
    if (!reading.expect_map(node, "an expectation")) return std::nullopt;
    const Fields fields(reading, node, "an expectation",
                        {"from", "to", "tcp", "udp", "transport", "port", "source-port", "verdict",
                         "row", "interface"});
    WrittenExpectation written;
    Expectation &expectation = written.expectation;
    expectation.where = reading.at(node);

    const Node *from = fields.find("from");
    const Node *to = fields.find("to");
    if (!from || !to) {
        reading.error(node, fmt::format("the expectation has no '{}'", from ? "to" : "from"));
        return std::nullopt;
    }
    const auto source_end = read_end(reading, *from, "from");
    const auto destination_end = read_end(reading, *to, "to");
    const bool transport_read = read_transport(reading, node, fields, written);
    const bool verdict_read = read_verdict(reading, node, fields, written);
    if (!source_end || !destination_end || !transport_read || !verdict_read) return std::nullopt;
    written.from = source_end->role;
    written.to = destination_end->role;
    expectation.from_address = source_end->address;
    expectation.to_address = destination_end->address;

    const std::optional<Address> &source = expectation.from_address;
    const std::optional<Address> &destination = expectation.to_address;
    if (source && destination && source->is_v4() != destination->is_v4()) {
        reading.error(node, fmt::format("{} and {} are of two families", to_string(*source),
                                        to_string(*destination)));
        return std::nullopt;
    }
    return written;
}

}  // namespace

std::vector<WrittenExpectation> read_expectations(const Reading &reading, const Node &node) {
    std::vector<WrittenExpectation> all;
    if (!reading.expect_list(node, "'expect'")) return all;
    for (const Node &item : node.items)
        if (auto written = read_expectation(reading, item)) all.push_back(std::move(*written));
    return all;
}

}  // namespace pm
