// SPDX-License-Identifier: Apache-2.0
#include "loader/update/tell_time.h"

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/kernel/switch.h"
#include "loader/state/newest_time.h"

namespace pm {
namespace {

constexpr std::uint64_t behind_most = 60'000'000'000;  // ns; less is not worth a word

// A host with a clock that is behind is not wrong for long, as a rule. Or it was ahead once.
Result<std::string> clock_problem(const Paths &paths) {
    return newest_time(paths).map([&](std::uint64_t newest) -> std::string {
        if (newest <= realtime_ns() + behind_most) return {};
        return fmt::format(
            "the clock is behind {}, the newest time that this host has seen: dates of rows are "
            "held against that; if it is the clock that is right, remove {}",
            time_text(newest), newest_time_file(paths).string());
    });
}

}  // namespace

Result<TimeTold> tell_time(const Paths &paths, const Pins &pins) {
    TimeTold told;
    auto control = Switch::open(pins.maps(), Switch::Access::write);
    if (!control) return tl::unexpected(control.error());
    if (!control->has_dates()) return told;
    auto offset = utc_offset(paths);
    if (!offset) return tl::unexpected(offset.error());
    if (control->set_utc(*offset))
        told.done.push_back(fmt::format("dates of rows are held against another time now: {}",
                                        time_text(boottime_ns() + *offset)));
    if (auto kept = keep_newest_time(paths); !kept) return tl::unexpected(kept.error());
    auto problem = clock_problem(paths);
    if (!problem) return tl::unexpected(problem.error());
    if (!problem->empty()) told.problems.push_back(*problem);
    return told;
}

}  // namespace pm
