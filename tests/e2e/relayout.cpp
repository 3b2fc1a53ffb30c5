// SPDX-License-Identifier: Apache-2.0
// Changes the layout of what is attached, for tests of the takeover from one layout to the next.
//
// pm_relayout age OBJECT VERSION
//   Makes it that of an older release, whose programs are in OBJECT.
//
// pm_relayout copy VERSION [MAP]...
//   Makes it VERSION, a layout in which these maps are made anew and filled with what they had.
//   Without MAP: all maps that are pinned. So flows, counters and records are shown to survive a
//   layout in which everything has changed.
//
// Holds the writer's lock, as a command does.
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/attach/layout_takeover.h"
#include "loader/base/lock.h"
#include "loader/base/paths.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/program.h"
#include "maps/abi.h"

namespace {

int usage() {
    fmt::print(stderr, "pm_relayout age OBJECT VERSION | copy VERSION [MAP]...\n");
    return 2;
}

int end(const pm::Fault &fault) {
    fmt::print(stderr, "pm_relayout: {}\n", pm::with_hint(fault));
    return 1;
}

// Of all that are pinned, if none is named.
pm::Result<pm::MapChanges> copies(const pm::Paths &paths, const std::vector<std::string> &names) {
    pm::MapChanges changes;
    for (const std::string &name : names) changes[name] = {};
    if (!names.empty()) return changes;
    auto pins = pm::Pins::open_any_layout(paths);
    if (!pins) return tl::unexpected(pins.error());
    for (const auto &[name, fd] : pins->maps().all())
        if (name != "abi") changes[name] = {};
    changes["rows"] = {};
    return changes;
}

// A step to each layout after that of this release, up to `version`. On the way back there is none
// of these; a step to the layout after that of now says which maps are copied.
pm::Result<std::vector<pm::LayoutStep>> steps_to(const pm::Paths &paths, std::uint32_t version,
                                                 const std::vector<std::string> &names) {
    auto build = pm::Pins::build(paths);
    if (!build) return tl::unexpected(build.error());
    const std::uint32_t now = *build ? (*build)->abi : 0;
    auto changes = copies(paths, names);
    if (!changes) return tl::unexpected(changes.error());
    std::vector<pm::LayoutStep> steps;
    for (std::uint32_t to = PM_ABI_VERSION + 1; to <= version; ++to)
        steps.push_back({.to = to, .changes = *changes});
    if (version <= now) steps.push_back({.to = now + 1, .changes = *changes});
    return steps;
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
    } else {
        return usage();
    }
    pm::show_libbpf_messages(false);
    const pm::Paths paths = pm::Paths::from_environment();
    auto lock = pm::Lock::writer(paths);
    if (!lock) return end(lock.error());
    if (words[0] == "copy") {
        auto steps = steps_to(paths, target.version, {words.begin() + 2, words.end()});
        if (!steps) return end(steps.error());
        target.steps = std::move(*steps);
    }
    auto done = pm::change_layout(paths, target);
    return done ? 0 : end(done.error());
}
