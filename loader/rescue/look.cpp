// SPDX-License-Identifier: Apache-2.0
#include "loader/rescue/look.h"

#include <sys/wait.h>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/rescue/renew.h"
#include "loader/state/detached.h"
#include "loader/state/store.h"

namespace pm {
namespace {

// None: nothing was ever confirmed, or it cannot be read.
Coverage coverage_now(const Paths &paths) {
    auto store = Store::open(paths);
    auto generation =
        store ? store->confirmed_generation() : Result<std::optional<Generation>>(std::nullopt);
    return generation && *generation ? find_coverage(paths, **generation) : Coverage();
}

}  // namespace

ParachuteChange ParachuteWatch::load(const Coverage &coverage) {
    auto kept = keep_parachute(paths_);
    if (!kept || *kept || is_all_detached(paths_)) return kept;
    if (coverage.unfiltered.empty()) return std::nullopt;
    const std::string why = coverage.why.empty()
                                ? "its programs are gone and cannot be attached again"
                                : fmt::format("{}", fmt::join(coverage.why, "; "));
    return raise_parachute(paths_, why);
}

void ParachuteWatch::keep_loaded(std::vector<std::string> &sentences) {
    const Coverage coverage = coverage_now(paths_);
    const std::string now = fmt::format("{} {}", has_parachute_table() ? "there" : "gone",
                                        fmt::join(coverage.unfiltered, " "));
    if (!loaded_.is_due(now)) return;
    auto loaded = load(coverage);
    if (loaded) {
        loaded_.succeeded();
        reported_.clear();
        if (*loaded) sentences.push_back(**loaded);
        return;
    }
    loaded_.failed(now);
    if (loaded.error().message == reported_) return;
    reported_ = loaded.error().message;
    record_not_loaded(paths_, loaded.error());
    sentences.push_back("the host may be open: " + reported_);
}

void ParachuteWatch::improve(std::vector<std::string> &sentences) {
    if (!improved_.is_due()) return;
    auto improved = improve_parachute(paths_);
    if (improved && *improved) sentences.push_back(**improved);
    if (improved)
        improved_.succeeded();
    else
        improved_.failed();
}

void ParachuteWatch::make() {
    if (maker_ && waitpid(maker_, nullptr, WNOHANG) == 0) return;
    maker_ = 0;
    if (has_parachute(paths_)) return made_.succeeded();
    if (!made_.is_due()) return;
    maker_ = start_renewal(paths_);
    made_.failed();  // unless the next look finds it
}

void ParachuteWatch::place_bans(BanList list) {
    if (bans_due_ && list == BanList::whole && ban_in_parachute(paths_)) bans_due_ = false;
}

void ParachuteWatch::look(BanList list, std::vector<std::string> &sentences) {
    keep_loaded(sentences);
    improve(sentences);
    if (auto lowered = lower_parachute(paths_); lowered && *lowered) sentences.push_back(**lowered);
    (void)note_that_it_is_there(paths_);  // else the exporter does not believe it any more
    make();
    place_bans(list);
    if (const std::string problem = copy_.keep(); !problem.empty()) sentences.push_back(problem);
}

}  // namespace pm
