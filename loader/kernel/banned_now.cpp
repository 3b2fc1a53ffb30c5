// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/banned_now.h"

#include "loader/base/clock.h"

namespace pm {

std::vector<BannedRange> banned_now(const Switch &control) {
    const pm_record record = control.state().record;
    if (record.mode == PM_MODE_OFF || record.bans == 0) return {};
    std::vector<BannedRange> banned = banned_ranges(control.bans(record.bans - 1u));
    const std::uint64_t now = boottime_ns();
    std::erase_if(banned, [&](const BannedRange &one) { return one.until <= now; });
    return banned;
}

}  // namespace pm
