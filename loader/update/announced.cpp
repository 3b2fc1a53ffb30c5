// SPDX-License-Identifier: Apache-2.0
#include "loader/update/announced.h"

#include <algorithm>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/attach.h"
#include "loader/attach/targets.h"
#include "loader/base/lock.h"
#include "loader/kernel/switch.h"
#include "loader/state/detached.h"
#include "loader/state/store.h"
#include "loader/update/missing_interfaces.h"

namespace pm {
namespace {

// Is the interface one of the confirmed generation, and not detached by command?
bool is_wanted(const Paths &paths, const std::string &name) {
    auto store = Store::open(paths);
    if (!store) return true;
    const auto confirmed = store->confirmed();
    if (!confirmed) return true;
    if (!*confirmed) return false;
    const auto generation = store->generation((*confirmed)->generation);
    if (!generation) return true;
    const auto wanted = without_detached(paths, generation->interfaces);
    return !wanted || std::ranges::find(*wanted, name) != wanted->end();
}

// Is it attached at both hooks, and does the policy in force hold on it?
Result<bool> is_filtered(const Pins &pins, const std::string &name) {
    auto control = Switch::open(pins.maps(), Access::read);
    if (!control) return tl::unexpected(control.error());
    const auto found = select_interfaces(pins, {name});
    if (!found) return false;
    const Attached now = attached_now(pins, found->front());
    return now.ingress != PM_DETACHED && now.egress != PM_DETACHED &&
           holds_on(control->state().record, found->front().number);
}

}  // namespace

Result<std::string> announced(const Paths &paths, const std::string &name) {
    auto pins = Pins::open(paths);
    if (!pins) return tl::unexpected(pins.error());
    if (!*pins) return "nothing is in force yet; portmatrix.service restores it";
    auto filtered = is_filtered(**pins, name);
    if (!filtered) return tl::unexpected(filtered.error());
    if (*filtered) return fmt::format("{} is filtered", name);
    if (!is_wanted(paths, name))
        return fmt::format("{} is in no policy in force, and is left alone", name);
    return fault(fmt::format("{} is an interface of the policy, and is not filtered", name),
                 "see 'portmatrix status' and the journal of portmatrix.service");
}

Result<std::string> look_at_announced(const Paths &paths, const std::string &name) {
    auto lock = Lock::writer(paths);
    if (!lock) return tl::unexpected(lock.error());
    auto missing = attach_missing(paths);
    if (!missing) return tl::unexpected(missing.error());
    auto outcome = announced(paths, name);
    if (!outcome && !missing->not_attached.empty())
        return fault(
            fmt::format("{}: {}", outcome.error().message, fmt::join(missing->not_attached, "; ")));
    return outcome;
}

}  // namespace pm
