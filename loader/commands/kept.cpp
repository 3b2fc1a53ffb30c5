// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/kept.h"

#include <unistd.h>

#include <algorithm>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/moment.h"
#include "loader/base/paths.h"
#include "loader/show/words.h"
#include "loader/state/retention.h"
#include "loader/update/stored_candidate.h"

namespace pm::command {
namespace {

// The newest that was applied by then; 0: none.
std::uint64_t applied_before(const Store &store, std::uint64_t time) {
    const auto numbers = store.all_numbers().value_or(Store::Numbers());
    for (auto one = numbers.rbegin(); one != numbers.rend(); ++one)
        if (const auto about = store.generation(*one); about && about->applied_at <= time)
            return *one;
    return 0;
}

std::string described(const Store &store, const Step &step) {
    const auto about = store.any_generation(step.generation);
    const pm_mode mode = step.became_audit ? PM_MODE_AUDIT : about ? about->mode : PM_MODE_ENFORCE;
    std::string text =
        fmt::format("generation {} ({}) was in force then{}, since {} by {} ({})", step.generation,
                    about ? about->policy : "?", show::mode_remark(mode),
                    time_text(step.entry.time), step.entry.user, step.entry.action);
    for (const HistoryEntry &one : step.detached)
        text += fmt::format("; from {}: {}", time_text(one.time), one.message);
    return text;
}

}  // namespace

Result<Store> open_kept() {
    const Paths paths = Paths::from_environment();
    if (geteuid() != 0)
        return fault(
            fmt::format("cannot read what is kept in {}: only root may", paths.state.string()),
            "try again with sudo");
    return Store::open(paths);
}

Done need_kept(const Store &store, std::uint64_t number) {
    const auto numbers = store.all_numbers();
    if (!numbers) return tl::unexpected(numbers.error());
    if (std::ranges::find(*numbers, number) != numbers->end()) return {};
    return fault(fmt::format("generation {} is not kept; {}", number,
                             numbers->empty() ? "none is" : "these are: " + numbers_text(*numbers)),
                 {}, Exit::usage);
}

Result<Source> read_kept(const Store &store, std::uint64_t number, Expectations expectations) {
    auto source = read_source(store.policy_path(number), expectations);
    if (source && source->policy) name_set_files_as_read(store, number, *source->policy);
    return source;
}

Result<Policy> kept_policy(const Store &store, std::uint64_t number) {
    return need_kept(store, number).and_then([&] { return stored_policy(store, number); });
}

Result<PastPolicy> policy_at(const Store &store, const std::string &text) {
    const auto time = parse_moment(text, realtime_ns());
    if (!time) return tl::unexpected(time.error());
    const auto history = read_history(Paths::from_environment());
    if (!history) return tl::unexpected(history.error());
    PastPolicy past = {.time = *time, .steps = steps_of(history->entries), .description = {}};
    while (!past.steps.empty() && past.steps.back().entry.time > *time) past.steps.pop_back();
    if (past.steps.empty()) {
        past.generation = applied_before(store, *time);
        past.description = fmt::format(
            "generation {} was applied last before then; the history does not reach back so far",
            past.generation);
    } else {
        Step &last = past.steps.back();
        std::erase_if(last.detached, [&](const HistoryEntry &one) { return one.time > *time; });
        past.generation = last.generation;
        past.description = described(store, last);
    }
    if (past.generation == 0)
        return fault(fmt::format("no policy is known that was in force at {}", time_text(*time)),
                     "see what is with 'portmatrix history'");
    if (auto kept = need_kept(store, past.generation); !kept)
        return fault(fmt::format("{}; but {}", past.description, kept.error().message), {},
                     Exit::usage);
    return past;
}

}  // namespace pm::command
