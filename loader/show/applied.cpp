// SPDX-License-Identifier: Apache-2.0
#include "loader/show/applied.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "loader/show/table.h"
#include "loader/show/words.h"

namespace pm::show {
namespace {

// "changes: 1 row added (turn); 3 live flows are cut"; empty: there is nothing to say.
std::string changes_line(const AppliedPolicy &applied) {
    std::string text = summary(applied.changes);
    if (applied.cut_flows.value_or(0) > 0)
        text += fmt::format("{}{} {} cut", text.empty() ? "" : "; ",
                            plural(*applied.cut_flows, "live flow"),
                            *applied.cut_flows == 1 ? "is" : "are");
    return text.empty() ? "" : "changes: " + text;
}

}  // namespace

std::string applied_sentence(const AppliedPolicy &applied) {
    if (applied.shadow)
        return fmt::format("{} is judged beside the policy in force", applied.policy);
    const bool is_another = applied.policy_of && applied.policy_of != applied.generation;
    return fmt::format(
        "{}generation {} ({}) is in force on {}{}{}",
        applied.changed ? "" : "nothing changed: ", applied.generation, applied.policy,
        fmt::join(applied.interfaces, ", "), mode_remark(applied.mode),
        is_another ? fmt::format(", with the policy of generation {}", applied.policy_of) : "");
}

std::vector<std::string> applied_lines(const AppliedPolicy &applied) {
    std::vector<std::string> lines = applied.notes;
    if (std::string line = changes_line(applied); !line.empty()) lines.push_back(std::move(line));
    const std::string sentence = applied_sentence(applied);
    lines.push_back(applied.shadow ? sentence + "; see 'portmatrix status'" : sentence);
    if (!applied.confirm_within.empty())
        lines.push_back(fmt::format("it is rolled back in {} unless 'portmatrix confirm' keeps it",
                                    applied.confirm_within));
    if (applied.bans && applied.mode == PM_MODE_ENFORCE)
        lines.push_back(fmt::format("{} {} banned: see 'portmatrix bans'",
                                    plural(applied.bans, "address range"),
                                    applied.bans == 1 ? "is" : "are"));
    return lines;
}

}  // namespace pm::show
