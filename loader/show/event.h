// SPDX-License-Identifier: Apache-2.0
// What `monitor` shows: dropped packets, and notices about the monitoring itself (events lost,
// another policy in force). Each is one line, as text for people or as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/observe/drop.h"

namespace pm::show {

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
