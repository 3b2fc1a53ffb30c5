// SPDX-License-Identifier: Apache-2.0
// What happened: who changed what, and with which outcome. Every command that changes something, or
// is refused, writes a line of JSON to a file and an entry to the journal, with a MESSAGE_ID for
// each kind of action.
//
// There are two files, so that what comes often does not push out what must be kept: changes of the
// policy stand in STATE/history.jsonl; bans, refusals, interfaces and the parachute in
// STATE/history-other.jsonl. Each is bounded by itself. Releases before this one wrote all to the
// first, and read only that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

struct HistoryEntry {
    std::uint64_t time = 0;        // ns since the epoch; 0: now
    std::string user;              // who logged in; empty: found out, through sudo
    std::string command;           // as typed; empty: that of this process
    std::string action;            // apply, confirm, rollback, expire, restore, ban, unban, ...
    std::uint64_t generation = 0;  // 0: none
    std::string sha256;
    std::string outcome;  // done, refused, invalid, failed
    std::string message;
};

// Never fails, since what is recorded has been done already. If it cannot be written, stderr says
// so.
void record(const Paths &paths, HistoryEntry entry);

// Did it change which policy is in force, and where?
bool changes_policy(const HistoryEntry &entry);

struct History {
    std::vector<HistoryEntry> entries;  // oldest first, of both files
    std::size_t torn = 0;               // lines that cannot be read, as a power cut may leave one
};
Result<History> read_history(const Paths &paths);

std::string history_json(const HistoryEntry &entry);  // one line

}  // namespace pm
