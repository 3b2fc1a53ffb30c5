// SPDX-License-Identifier: Apache-2.0
#include "loader/rescue/look.h"

#include <sys/wait.h>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/clock.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/parachute/note.h"
#include "loader/rescue/devices.h"
#include "loader/rescue/raise.h"
#include "loader/rescue/renew.h"
#include "loader/state/detached.h"
#include "loader/state/store.h"
#include "loader/update/restore.h"

namespace pm {
namespace {

constexpr double seconds_between_tries = 60;

bool is_in_force(const Paths &paths) {
    auto pins = Pins::open(paths);
    if (!pins || !*pins) return false;
    auto control = Switch::open((*pins)->maps(), Switch::Access::read);
    return control && control->state().record.mode != PM_MODE_OFF;
}

// Did `detach` leave nothing in force, on purpose? What cannot be read does not say so.
bool is_off_by_command(const Paths &paths) {
    const auto detached = read_detached(paths);
    return detached && detached->all;
}

// None: nothing was ever confirmed, or it cannot be read.
Coverage coverage_now(const Paths &paths) {
    auto store = Store::open(paths);
    if (!store) return {};
    auto confirmed = store->confirmed();
    if (!confirmed || !*confirmed) return {};
    auto generation = store->generation((*confirmed)->generation);
    if (!generation) return {};
    return find_coverage(paths, *generation);
}

}  // namespace

bool ParachuteWatch::is_due(double &last) const {
    const double now = monotonic_seconds();
    if (last != 0 && now - last < seconds_between_tries) return false;
    last = now;
    return true;
}

void ParachuteWatch::raise(std::vector<std::string> &sentences) {
    if (is_off_by_command(paths_)) return;
    const Coverage coverage = coverage_now(paths_);
    const std::vector<std::string> &left = coverage.unfiltered;
    if (left.empty()) return;
    const std::string why = coverage.why.empty()
                                ? "its programs are gone and cannot be attached again"
                                : fmt::format("{}", fmt::join(coverage.why, "; "));
    auto raised = raise_parachute(paths_, why);
    if (raised && *raised) sentences.push_back(**raised);
    const std::string problem = raised ? "" : raised.error().message;
    if (!problem.empty() && problem != reported_)
        sentences.push_back(fmt::format("{} may be open: {}", fmt::join(left, ", "), problem));
    reported_ = problem;
}

void ParachuteWatch::try_again(std::vector<std::string> &sentences) {
    if (!is_in_force(paths_) && is_due(tried_)) (void)restore(paths_);  // why not is in the note
    auto lowered = lower_parachute(paths_);
    if (lowered && *lowered) sentences.push_back(**lowered);
}

void ParachuteWatch::renew() {
    if (renewal_ && waitpid(renewal_, nullptr, WNOHANG) == 0) return;
    renewal_ = 0;
    if (!has_parachute(paths_) && is_due(renewed_)) renewal_ = start_renewal(paths_);
}

void ParachuteWatch::look(std::vector<std::string> &sentences) {
    auto kept = keep_parachute(paths_);
    if (kept && *kept) sentences.push_back(**kept);
    if (!kept && kept.error().message != reported_) {
        reported_ = kept.error().message;
        sentences.push_back("the host may be open: " + reported_);
    }
    raise(sentences);
    if (parachute::read_note(paths_)) try_again(sentences);
    renew();
}

}  // namespace pm
