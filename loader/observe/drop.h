// SPDX-License-Identifier: Apache-2.0
// A dropped packet as `monitor` and the drop log know it: what its event says, in names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/observe/dissect.h"
#include "loader/observe/selection.h"
#include "maps/abi.h"

namespace pm {

struct Drop {
    std::uint64_t time = 0;  // ns since the epoch
    std::string interface;
    pm_direction direction = PM_IN;
    std::string reason;
    std::string row;             // empty: none
    bool audit = false;          // not dropped: the mode is audit
    std::uint32_t length = 0;    // IP bytes
    std::uint32_t segments = 0;  // packets
    Dissection what;             // the packet's addresses, ports and flags
};

inline const std::optional<Address> &peer_of(const Drop &drop) {
    return drop.direction == PM_IN ? drop.what.source : drop.what.destination;
}

// `slot`: of its row; 0: none.
inline Traffic traffic_of(const Drop &drop, std::uint16_t slot) {
    const bool in = drop.direction == PM_IN;
    const Dissection &what = drop.what;
    return {.peer = peer_of(drop),
            .local_port = in ? what.destination_port : what.source_port,
            .remote_port = in ? what.source_port : what.destination_port,
            .transport = what.transport,
            .direction = in ? Direction::in : Direction::out,
            .slot = slot};
}

}  // namespace pm
