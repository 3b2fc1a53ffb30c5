// SPDX-License-Identifier: Apache-2.0
#include "loader/update/confirm.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/targets.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/switch.h"
#include "loader/state/history.h"
#include "loader/update/stored_candidate.h"
#include "loader/update/reconcile.h"

namespace pm {
namespace {

Fault too_late(const std::string &expiry) {
    return {"too late: " + expiry, "apply it again", Exit::refused};
}

// What was told of a deadline that has passed, if nothing was changed since: `watch` may have
// settled that.
std::optional<std::string> expired_last(const Paths &paths) {
    std::size_t torn = 0;
    auto entries = read_history(paths, torn);
    if (!entries) return std::nullopt;
    for (auto one = entries->rbegin(); one != entries->rend(); ++one) {
        if (one->outcome != "done" || one->action == "attach") continue;
        if (one->action == "ban" || one->action == "unban") continue;
        return one->action == "expire" ? std::optional(one->message) : std::nullopt;
    }
    return std::nullopt;
}

Result<Outcome> go_back(Rollout &rollout, Store &store) {
    auto confirmed = store.confirmed();
    if (!confirmed) return tl::unexpected(confirmed.error());
    if (!*confirmed || (*confirmed)->previous == 0)
        return fault("there is no generation before this one");
    auto generation = store.generation((*confirmed)->previous);
    if (!generation) return tl::unexpected(generation.error());
    std::vector<std::string> notes;
    auto candidate = revive(store, *generation, rollout, notes);
    if (!candidate) return tl::unexpected(candidate.error());
    if (auto done = rollout.prepare(std::move(*candidate)); !done)
        return tl::unexpected(done.error());
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (auto done = store.confirm({generation->number, (*confirmed)->generation}); !done)
        return tl::unexpected(done.error());
    if (auto done = rollout.commit(generation->mode, 0, Rollout::Way::back); !done) {
        store.put_back(*confirmed);
        return tl::unexpected(done.error());
    }
    return outcome_now(*interfaces, rollout, std::move(notes));
}

}  // namespace

Result<Outcome> confirm(const Paths &paths) {
    Rollout rollout(paths);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open_in_force(rollout); !opened) return tl::unexpected(opened.error());
    if (rollout.rolled_back()) return tl::unexpected(too_late(*rollout.rolled_back()));
    const InForce &now = rollout.before();
    if (!now.state.pending) {
        if (const auto expired = expired_last(paths)) return tl::unexpected(too_late(*expired));
        return fault("nothing waits to be confirmed");
    }
    // Where it cannot be read, boot has nothing to lose.
    const auto before = store->confirmed().value_or(std::nullopt);
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto stored = store->confirm({now.catalog.generation, before ? before->generation : 0});
    if (!stored) return tl::unexpected(stored.error());
    if (auto done = rollout.writer()->publish(now.state.record, now.state.epoch); !done) {
        store->put_back(before);
        return tl::unexpected(done.error());
    }
    if (auto generation = store->generation(now.catalog.generation))
        adopt_names(*rollout.pins(), generation->interfaces);
    return outcome_now(*interfaces, *rollout.control());
}

Result<Outcome> roll_back(const Paths &paths) {
    Rollout rollout(paths);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    if (auto opened = open_in_force(rollout); !opened) return tl::unexpected(opened.error());
    const Switch::State &state = rollout.before().state;
    if (!rollout.rolled_back() && !state.pending) {
        if (auto done = reconcile(*store, rollout.before()); !done)
            return tl::unexpected(done.error());
        return go_back(rollout, *store);
    }
    auto interfaces = rollout.pins()->interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    if (state.pending)
        if (auto done = rollout.writer()->publish(state.other, state.epoch); !done)
            return tl::unexpected(done.error());
    return outcome_now(*interfaces, rollout);
}

}  // namespace pm
