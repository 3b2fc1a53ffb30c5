// SPDX-License-Identifier: Apache-2.0
// All that an output of the exporter says, read in one go: counters from the maps, flows from the
// last walk.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/base/paths.h"
#include "loader/export/walker.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/snapshot.h"

namespace pm::exporter {

struct Reading {
    std::optional<Snapshot> snapshot;  // nothing: no policy was ever put in force
    Walk walk;
    std::vector<std::string> gone;  // interfaces once attached, or asked for, that are not
    bool watch_up = false;
};

class Reader {
public:
    // `interfaces`: those wanted; empty: all.
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
