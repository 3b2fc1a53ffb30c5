// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/selection.h"

#include <string_view>

#include <fmt/core.h>

#include "loader/observe/explain_arguments.h"
#include "policy/base/diagnostic.h"
#include "policy/base/text.h"
#include "policy/model/labels.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

tl::unexpected<Fault> wrong_word(std::string message, std::string hint) {
    return fault(std::move(message), std::move(hint), Exit::usage);
}

Result<PortRange> parse_port_words(const std::string &text) {
    const std::string_view all = text;
    const auto dash = all.find('-');
    const auto first = parse_digits<std::uint16_t>(all.substr(0, dash));
    const auto last = dash == all.npos ? first : parse_digits<std::uint16_t>(all.substr(dash + 1));
    if (!first || !last || *first == 0)
        return wrong_word(
            fmt::format("--port: {} is no port and no range; ports are 1-65535", quote(text)),
            "write --port 5061 or --port 50000-59999");
    if (*first > *last)
        return wrong_word(fmt::format("--port: the range {} ends before it begins", quote(text)),
                          fmt::format("write --port {}-{}", *last, *first));
    return PortRange{*first, *last};
}

bool is_in(const PortRange &range, const std::optional<std::uint16_t> &port) {
    return port && *port >= range.first && *port <= range.last;
}

}  // namespace

Result<Selection> parse_selection(const SelectionWords &words) {
    Selection selection;
    selection.direction = words.direction;
    selection.row = words.row;
    if (!words.peer.empty()) {
        auto peer = parse_prefix(words.peer);
        if (!peer)
            return wrong_word(
                "--peer: " + peer.error(),
                "write an address or a prefix: --peer 198.51.100.7 or --peer 2001:db8:20::/64");
        selection.peer = *peer;
    }
    if (!words.protocol.empty()) {
        auto transport = parse_protocol(words.protocol);
        if (!transport) return tl::unexpected(transport.error());
        selection.transport = *transport;
    }
    if (!words.port.empty()) {
        auto port = parse_port_words(words.port);
        if (!port) return tl::unexpected(port.error());
        selection.port = *port;
        if (selection.transport && !has_ports(*selection.transport))
            return wrong_word(fmt::format("{} has no ports", transport_name(*selection.transport)),
                              "leave out --port, or write --proto tcp or --proto udp");
    }
    return selection;
}

Result<std::uint16_t> row_slot(const Catalog &catalog, const std::string &id) {
    std::vector<std::string> ids;
    for (const CatalogRow &row : catalog.rows) {
        if (row.id == id) return row.slot;
        ids.push_back(row.id);
    }
    const std::string meant = did_you_mean(id, ids);
    return fault(fmt::format("the policy in force has no row {}", quote(id)),
                 meant.empty() ? "see 'portmatrix status --all' for its rows" : meant, Exit::usage);
}

Result<std::uint64_t> reason_mask(const std::vector<std::string> &labels) {
    std::uint64_t mask = labels.empty() ? ~std::uint64_t{0} : 0;
    for (const std::string &label : labels) {
        std::uint64_t bit = 0;
        std::vector<std::string> all;
        for (unsigned id = 1; id < PM_REASON_SLOTS; ++id) {
            const char *known = reason_label(static_cast<pm_reason>(id));
            if (known) all.emplace_back(known);
            if (known && label == known) bit = std::uint64_t{1} << id;
        }
        if (bit == 0) {
            const std::string meant = did_you_mean(label, all);
            return wrong_word(fmt::format("there is no drop reason {}", quote(label)),
                              meant.empty() ? "see DROP REASONS in portmatrix(8)" : meant);
        }
        mask |= bit;
    }
    return mask;
}

Traffic traffic_of(const pm_flow_key &key, const pm_flow &flow) {
    Traffic traffic = {.peer = Address::from(key.remote),
                       .local_port = {},
                       .remote_port = {},
                       .transport = key.protocol,
                       .direction = flow.opener == PM_IN ? Direction::in : Direction::out,
                       .slot = flow.row};
    if (has_ports(key.protocol)) {
        traffic.local_port = key.local_port;
        traffic.remote_port = key.remote_port;
    }
    return traffic;
}

bool holds(const Prefix &prefix, const Address &address) {
    const Range range = prefix.range();
    return prefix.address.is_v4() == address.is_v4() && range.first <= address &&
           address <= range.last;
}

bool selects(const Selection &selection, const Traffic &traffic) {
    if (selection.slot && traffic.slot != *selection.slot) return false;
    if (selection.direction && traffic.direction != *selection.direction) return false;
    if (selection.transport && traffic.transport != selection.transport) return false;
    if (selection.port && !is_in(*selection.port, traffic.local_port) &&
        !is_in(*selection.port, traffic.remote_port))
        return false;
    return !selection.peer || (traffic.peer && holds(*selection.peer, *traffic.peer));
}

}  // namespace pm
