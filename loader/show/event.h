// SPDX-License-Identifier: Apache-2.0
// What `monitor` shows: dropped packets, and notices about the monitoring itself (events lost,
// another policy in force). Each is one line, as text for people or as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/observe/dissect.h"
#include "maps/abi.h"

namespace pm::show {

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
std::string drop_text(const Drop &drop, bool colour);
std::string drop_json(const Drop &drop);
std::string drop_comment(const Drop &drop);  // for a capture: "dropped: no-row"

struct Notice {
    std::uint64_t time;
    const char *event;    // "lost", "gap", "policy", "rollback", "end"
    std::string message;  // the same for people
    std::optional<std::uint64_t> packets, lost, seconds, generation;
    std::string policy;
};
std::string notice_text(const Notice &notice, bool colour);
std::string notice_json(const Notice &notice);

}  // namespace pm::show
