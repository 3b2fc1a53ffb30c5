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
#include "loader/update/missing_interfaces.h"
#include "loader/update/watch.h"

namespace pm {
namespace {

// Is it an interface of the policy in force, whatever its name, that was not detached by command?
// If that cannot be told, it may be one.
bool is_wanted(const Paths &paths, const Pins &pins, const std::string &name) {
    auto control = Switch::open(pins.maps(), Access::read);
    if (!control) return true;
    const auto nics = nics_in_force(paths, pins, *control);
    if (!nics) return true;
    const std::vector<std::string> &left_out = nics->targets.left_out;
    return std::ranges::find(left_out, name) != left_out.end() ||
           std::ranges::any_of(nics->targets.targets, [&](const Target &one) {
               return one.name == name || (one.device && one.device->name == name);
           });
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
    if (!is_wanted(paths, **pins, name))
        return fmt::format("{} is in no policy in force, and is left alone", name);
    return fault(fmt::format("{} is an interface of the policy, and is not filtered", name),
                 "see 'portmatrix status' and the journal of portmatrix.service");
}

Result<std::string> look_at_announced(const Paths &paths, const std::string &name) {
    auto lock = Lock::writer(paths);
    if (!lock) return tl::unexpected(lock.error());
    const std::vector<std::string> said = Watcher(paths).look_under_lock();
    auto outcome = announced(paths, name);
    if (!outcome && !said.empty())
        return fault(fmt::format("{}: {}", outcome.error().message, fmt::join(said, "; ")));
    return outcome;
}

}  // namespace pm
