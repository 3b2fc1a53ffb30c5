// SPDX-License-Identifier: Apache-2.0
// Which flows and drops a user wants to see: by peer, port, protocol, direction and row. `flows`,
// `top`, `monitor` and `drops` read the same options by parse_selection() and ask selects() of each
// flow or drop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "maps/abi.h"
#include "policy/image/catalog.h"
#include "policy/model/address.h"
#include "policy/model/model.h"

namespace pm {

// As the user wrote it; empty: any.
struct SelectionWords {
    std::string peer = {};      // "198.51.100.7", "198.51.100.0/24"
    std::string port = {};      // "5061", "50000-59999"
    std::string protocol = {};  // "tcp", "47"
    std::string row = {};       // an id
    std::optional<Direction> direction = {};
};

// What is absent is not asked.
struct Selection {
    std::optional<Prefix> peer;
    std::optional<PortRange> port;          // of either side
    std::optional<std::uint8_t> transport;  // IP protocol
    std::optional<Direction> direction;     // who opened a flow; the way of a dropped packet
    std::string row;                        // its id; empty: any row, or none
    std::optional<std::uint16_t> slot;      // the row's counter slot, where maps are asked

    bool is_any() const {
        return !peer && !port && !transport && !direction && row.empty() && !slot;
    }
};

// Errors are usage faults. The row is not looked for: row_slot() does that.
Result<Selection> parse_selection(const SelectionWords &words);

// The counter slot of a row of the policy in force. That it has none is a usage fault.
Result<std::uint16_t> row_slot(const Catalog &catalog, const std::string &id);

// A bit for each reason; no labels: all. A label that is none is a usage fault.
Result<std::uint64_t> reason_mask(const std::vector<std::string> &labels);

// What a flow or a dropped packet is to a selection. What is not known is not wanted by a selection
// that asks for it.
struct Traffic {
    std::optional<Address> peer;
    std::optional<std::uint16_t> local_port, remote_port;
    std::optional<std::uint8_t> transport;
    Direction direction = Direction::in;
    std::uint16_t slot = 0;
};
Traffic traffic_of(const pm_flow_key &key, const pm_flow &flow);

bool selects(const Selection &selection, const Traffic &traffic);

bool holds(const Prefix &prefix, const Address &address);

}  // namespace pm
