// SPDX-License-Identifier: Apache-2.0
// Changes the layout of what is attached, for tests of the takeover from one layout to the next:
//
//   pm_relayout age OBJECT VERSION    to that of an older release, whose programs are in OBJECT
//   pm_relayout copy VERSION [MAP]... to VERSION, where these maps (else all that programs write
//   to)
//                                     are made anew and filled with what they had
//
// The version is all that changes of a map; `copy` shows that flows, counters and records survive a
// layout in which everything has changed. Holds the writer's lock, as a command does.
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "loader/attach/layout_takeover.h"
#include "loader/base/lock.h"
#include "loader/base/paths.h"
#include "loader/kernel/program.h"

namespace {

int usage() {
    fmt::print(stderr, "pm_relayout age OBJECT VERSION | copy VERSION [MAP]...\n");
    return 2;
}

int end(const pm::Fault &fault) {
    fmt::print(stderr, "pm_relayout: {}\n", pm::with_hint(fault));
    return 1;
}

pm::MapChanges copies(const std::vector<std::string> &names) {
    pm::MapChanges changes;
    for (const std::string &name : names) changes[name] = {};
    return changes;
}

}  // namespace

int main(int count, char **values) {
    const std::vector<std::string> words(values + 1, values + count);
    if (words.size() < 2) return usage();
    pm::LayoutTarget target = {.version = 0, .steps = {}};
    if (words[0] == "age" && words.size() == 3) {
        target.object = words[1];
        target.version = static_cast<std::uint32_t>(std::stoul(words[2]));
    } else if (words[0] == "copy") {
        target.version = static_cast<std::uint32_t>(std::stoul(words[1]));
        std::vector<std::string> names(words.begin() + 2, words.end());
        if (names.empty())
            names = {"control", "images",     "bans",  "outside",   "opening",    "assured",
                     "rows",    "promotions", "drops", "fragments", "limits",     "interfaces",
                     "dhcp",    "shadows",    "rings", "question",  "ring_counts"};
        target.steps = {{.to = UINT32_MAX, .changes = copies(names)}};
    } else {
        return usage();
    }
    pm::show_libbpf_messages(false);
    const pm::Paths paths = pm::Paths::from_environment();
    auto lock = pm::Lock::writer(paths);
    if (!lock) return end(lock.error());
    auto done = pm::change_layout(paths, target);
    return done ? 0 : end(done.error());
}
