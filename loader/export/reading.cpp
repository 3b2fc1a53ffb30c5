// SPDX-License-Identifier: Apache-2.0
#include "loader/export/reading.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "loader/base/clock.h"

namespace pm::exporter {
namespace {

// `watch` looks every 2 s, but waits while a command changes something.
constexpr std::uint64_t watch_silent_ns = 15'000'000'000;

}  // namespace

bool is_fresh(const InterfaceStatus &interface) {
    return interface.checked != 0 && boottime_ns() - interface.checked < watch_silent_ns;
}

bool is_fresh(const parachute::Note &parachute) {
    return parachute.seen != 0 && boottime_ns() - parachute.seen < watch_silent_ns;
}

Reader::Reader(Paths paths, std::vector<std::string> interfaces, const Walker &walker)
    : paths_(std::move(paths)),
      wanted_(std::move(interfaces)),
      walker_(walker),
      seen_(wanted_.begin(), wanted_.end()) {}

Result<Reading> Reader::read() {
    Reading reading;
    reading.walk = walker_.last();
    reading.parachute = parachute::read_note(paths_);
    reading.watch_up = reading.parachute && is_fresh(*reading.parachute);
    auto deployment = open_deployment(paths_, Access::read, &known_);
    if (!deployment) return tl::unexpected(deployment.error());
    if (*deployment) {
        auto snapshot = read_snapshot_unprivileged(**deployment, reading.walk.live);
        if (!snapshot) return tl::unexpected(snapshot.error());
        known_ = std::move((*deployment)->in_force);
        reading.snapshot = std::move(*snapshot);
    }
    std::set<std::string> attached;
    if (reading.snapshot) {
        auto &interfaces = reading.snapshot->interfaces;
        reading.watch_up =
            reading.watch_up || std::ranges::any_of(interfaces, [](const InterfaceStatus &one) {
                return is_fresh(one);
            });
        std::erase_if(interfaces, [&](const InterfaceStatus &one) {
            return !wanted_.empty() && std::ranges::find(wanted_, one.name) == wanted_.end();
        });
        for (const InterfaceStatus &one : interfaces) attached.insert(one.name);
    }
    seen_.insert(attached.begin(), attached.end());
    std::ranges::set_difference(seen_, attached, std::back_inserter(reading.gone));
    return reading;
}

}  // namespace pm::exporter
