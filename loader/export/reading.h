// SPDX-License-Identifier: Apache-2.0
// What the exporter's outputs are made of, read in one go: counters from the maps, live flows from
// the walker's last walk.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/base/paths.h"
#include "loader/export/walker.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/snapshot.h"
#include "loader/parachute/note.h"

namespace pm::exporter {

struct Reading {
    std::optional<Snapshot> snapshot;  // nothing: nothing is pinned
    Walk walk;
    // Interfaces that are not attached, though they were since the exporter began, or are wanted.
    std::vector<std::string> gone;
    std::optional<parachute::Note> parachute;  // nothing: it is not needed
    bool watch_up = false;                     // `watch` has looked at the interfaces lately
};

// Has `watch` looked at it within 15 s?
bool is_fresh(const InterfaceStatus &interface);
// Was the parachute seen in nftables within 15 s?
bool is_fresh(const parachute::Note &parachute);

class Reader {
public:
    // `interfaces`: those wanted; empty: all. `walker` must outlive it.
    Reader(Paths paths, std::vector<std::string> interfaces, const Walker &walker);

    Result<Reading> read();

private:
    Paths paths_;
    std::vector<std::string> wanted_;
    const Walker &walker_;
    std::set<std::string> seen_;  // attached since the exporter began
    InForce known_;               // as of the last reading
};

}  // namespace pm::exporter
