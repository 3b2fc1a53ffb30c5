// SPDX-License-Identifier: Apache-2.0
// Who changed what, and what came of it: a line of JSON in STATE/history.jsonl, and an entry in
// the journal. Written by every command that changes something or is refused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

struct HistoryEntry {
    std::uint64_t time = 0;        // ns since the epoch; 0: now
    std::string user;              // who logged in, through sudo; empty: found out
    std::string command;           // as typed; empty: this process's
    std::string action;            // apply, confirm, rollback, expire, restore, ban, unban, ...
    std::uint64_t generation = 0;  // 0: none
    std::string sha256;
    std::string outcome;  // done, refused, invalid, failed
    std::string message;
};

// Never fails: what is done is done. What could not be written is said on stderr.
void record(const Paths &paths, HistoryEntry entry);

// Oldest first. Lines that a power cut tore are left out; `torn` counts them.
Result<std::vector<HistoryEntry>> read_history(const Paths &paths, std::size_t &torn);

std::string history_json(const HistoryEntry &entry);  // one line

}  // namespace pm
