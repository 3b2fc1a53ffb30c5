// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/probe_in_force.h"

#include <vector>

#include "loader/base/lock.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/probe.h"
#include "policy/judge/examples.h"

namespace pm {
namespace {

constexpr int attempts_most = 10;

}  // namespace

Result<std::size_t> probe_in_force(const Paths &paths, const Pins &pins, unsigned number) {
    auto lock = Lock::probe(paths);
    if (!lock) return tl::unexpected(lock.error());
    auto control = Switch::open(pins.maps(), Access::read);
    if (!control) return tl::unexpected(control.error());
    for (int attempt = 0; attempt < attempts_most; ++attempt) {
        auto now = read_in_force(*control);
        if (!now) return tl::unexpected(now.error());
        const pm_record &record = now->state.record;
        if (now->state.epoch == 0 || now->mode == PM_MODE_OFF || !holds_on(record, number))
            return 0;
        const ProbedSlots slots = {
            .image = record.image,
            .bans = record.bans,
            .image_view = control->image(record.image),
            .bans_view = record.bans ? control->bans(record.bans - 1u) : pm_view{}};
        const std::vector<Question> packets =
            example_questions(slots.image_view, now->catalog, number);
        auto compared = compare_with_probes(pins, slots, packets);
        // Another policy came meanwhile: the slots may have another content by now.
        if (control->state().epoch != now->state.epoch) continue;
        return compared.map([&] { return packets.size(); });
    }
    return fault("the policy changes faster than it can be asked", "try again");
}

}  // namespace pm
