// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/deployment.h"

#include <fmt/core.h>

#include "loader/base/clock.h"

namespace pm {

Result<InForce> read_in_force(const Switch &control, const InForce *known) {
    for (int attempt = 0; attempt < 10; attempt++) {
        const Switch::State state = control.state();
        InForce result;
        result.state = state;
        result.mode = static_cast<pm_mode>(state.record.mode);
        if (state.pending)
            result.seconds_left = (state.record.deadline - boottime_ns()) / 1'000'000'000;
        if (state.epoch == 0) return result;
        if (known && known->state.epoch == state.epoch && known->state.expired == state.expired) {
            result.catalog = known->catalog;
            return result;
        }

        auto catalog = read_catalog(control.image(state.record.image));
        // Only what was in force all the while counts: its slot is not rewritten.
        if (control.state().epoch != state.epoch) continue;
        if (!catalog)
            return fault(fmt::format("cannot read the policy in force: {}", catalog.error()));
        result.catalog = std::move(*catalog);
        return result;
    }
    return fault("the policy changes faster than it can be read", "try again");
}

}  // namespace pm
