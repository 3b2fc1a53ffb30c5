// SPDX-License-Identifier: Apache-2.0
// The command ban: adds to the dynamic block list.
#include "loader/update/ban.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "loader/base/duration.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/prefixes.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/flow_table.h"
#include "loader/observe/flow_diff.h"
#include "loader/rescue/raise.h"
#include "loader/show/table.h"

namespace pm::command {

namespace {

std::string banned_text(const std::vector<Prefix> &prefixes, const BanArguments &arguments,
                        const BanRequest &request, const BanOutcome &outcome) {
    if (outcome.changed == 0) return prefixes_text(prefixes, prefixes.size()) + " banned as before";
    std::string text = prefixes_text(prefixes, outcome.changed) + " banned ";
    text += request.seconds ? "for " + arguments.duration : "until it is lifted";
    if (arguments.owner != default_owner) text += " by " + arguments.owner;
    return text;
}

// Live flows are counted while the ban waits for it. Of larger tables that takes too long.
constexpr std::uint64_t counted_at_most = std::uint64_t{1} << 18;

// "3 live flows end"; empty: it cannot be told.
std::string ending_flows(pm_view image, pm_view bans) {
    const auto now = open_deployment(Paths::from_environment());
    if (!now || !*now || (*now)->in_force.mode != PM_MODE_ENFORCE) return {};
    const auto room = flow_capacity((*now)->pins);
    if (!room) return {};
    if (*room > counted_at_most)
        return fmt::format(
            "how many live flows end is not counted: {} can live at once; 'portmatrix flows --peer' "
            "lists them before",
            *room);
    const auto count = count_cut_flows(**now, image, bans);
    if (!count) return {};
    if (*count == 0) return "no live flow ends";
    return fmt::format("{} {}", show::plural(*count, "live flow"), *count == 1 ? "ends" : "end");
}

// None: for ever.
Result<std::optional<std::uint64_t>> time_of(const BanArguments &arguments) {
    if (arguments.duration.empty()) return std::nullopt;
    return parse_ban_time(arguments.duration);
}

}  // namespace

int run_ban(const BanArguments &arguments) {
    auto prefixes = read_prefixes(arguments.prefixes, arguments.file);
    if (!prefixes) return end_unchanged("ban", prefixes.error());
    if (auto valid = check_owner(arguments.owner); !valid)
        return end_unchanged("ban", valid.error());
    if (arguments.owner == unknown_owner)
        return end_unchanged(
            "ban", Fault{.message = "the owner 'unknown' stands for bans whose owner is not known",
                         .hint = "name another owner, or none",
                         .exit = Exit::usage});
    auto seconds = time_of(arguments);
    if (!seconds) return end_unchanged("ban", seconds.error());
    BanRequest request = {.prefixes = *prefixes,
                          .seconds = *seconds,
                          .owner = arguments.owner,
                          .force = arguments.force > 0,
                          .force_never_ban = arguments.force > 1};
    auto lock = lock_as_root();
    if (!lock) return end_unchanged("ban", lock.error());
    std::string ending;
    request.before_switch = [&](pm_view image, pm_view bans) {
        ending = ending_flows(image, bans);
    };
    auto outcome = ban(Paths::from_environment(), request);
    if (!outcome) return end_unchanged("ban", outcome.error());
    if (!ending.empty()) outcome->notes.push_back(ending);
    if (auto done = ban_in_parachute(Paths::from_environment()); !done) return end(done.error());
    if (const auto &time = arguments.duration; !*seconds && !time.empty() && !time.starts_with('-'))
        outcome->notes.push_back(
            fmt::format("'{}' is more than a hundred years: taken as a ban for ever", time));
    return end_done("ban", banned_text(*prefixes, arguments, request, *outcome), *outcome);
}

}  // namespace pm::command
