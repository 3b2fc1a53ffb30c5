// SPDX-License-Identifier: Apache-2.0
#include "loader/state/timeline.h"

#include <gtest/gtest.h>

#include "loader/state/row_changes.h"

namespace pm {
namespace {

HistoryEntry entry_of(std::uint64_t time, const char *action, std::uint64_t generation,
                      const char *outcome = "done") {
    HistoryEntry entry;
    entry.time = time;
    entry.user = "ada";
    entry.action = action;
    entry.generation = generation;
    entry.outcome = outcome;
    return entry;
}

// "time:generation" of each step.
std::string steps_text(const std::vector<Step> &steps) {
    std::string text;
    for (const Step &one : steps)
        text += (text.empty() ? "" : " ") + std::to_string(one.entry.time) + ":" +
                std::to_string(one.generation) + (one.became_audit ? "a" : "");
    return text;
}

TEST(Timeline, HasChangesOfThePolicyAlone) {
    const auto steps = steps_of({entry_of(1, "apply", 1), entry_of(2, "ban", 0),
                                 entry_of(3, "apply", 0, "refused"), entry_of(4, "apply", 0),
                                 entry_of(5, "apply", 2), entry_of(6, "attach", 0),
                                 entry_of(7, "restore", 2), entry_of(8, "rollback", 1)});
    EXPECT_EQ(steps_text(steps), "1:1 5:2 7:2 8:1");
    EXPECT_EQ(step_at(steps, 0), nullptr);
    EXPECT_EQ(step_at(steps, 1)->generation, 1U);
    EXPECT_EQ(step_at(steps, 6)->generation, 2U);
    EXPECT_EQ(step_at(steps, 99)->generation, 1U);
}

TEST(Timeline, AnExpiryGoesBackToWhatWasBefore) {
    EXPECT_EQ(steps_text(steps_of({entry_of(1, "apply", 1), entry_of(2, "apply", 2),
                                   entry_of(3, "expire", 2), entry_of(4, "apply", 3),
                                   entry_of(5, "confirm", 3)})),
              "1:1 2:2 3:1 4:3 5:3");
}

TEST(Timeline, AFirstPolicyThatNobodyConfirmsBecomesAnAudit) {
    EXPECT_EQ(steps_text(steps_of({entry_of(1, "apply", 1), entry_of(2, "expire", 1)})),
              "1:1 2:1a");
    EXPECT_EQ(steps_text(steps_of({entry_of(1, "apply", 1), entry_of(2, "rollback", 1)})),
              "1:1 2:1a");
}

TEST(Timeline, TellsWhatWasDetached) {
    const auto steps =
        steps_of({entry_of(1, "apply", 1), entry_of(2, "detach", 0), entry_of(3, "apply", 2)});
    EXPECT_EQ(steps_text(steps), "1:1 3:2");
    EXPECT_EQ(steps[0].detached.size(), 1U);
}

// By generation, the digest of each row.
using Known = std::map<std::uint64_t, RowDigests>;
std::string changes_text(const std::vector<HistoryEntry> &entries, const Known &known) {
    std::string text;
    for (const auto &[id, change] :
         row_changes(steps_of(entries), [&](std::uint64_t number) -> std::optional<RowDigests> {
             const auto found = known.find(number);
             return found == known.end() ? std::nullopt : std::optional(found->second);
         }))
        text += (text.empty() ? "" : " ") + id + ":" + std::to_string(change.generation) + "@" +
                std::to_string(change.entry.time) + (change.or_before ? "?" : "");
    return text;
}

TEST(RowChanges, AreTheLastOfEachRow) {
    const Known known = {{1, {{"a", "1"}, {"b", "1"}}},
                         {2, {{"a", "1"}, {"b", "2"}}},
                         {3, {{"a", "1"}, {"b", "2"}, {"c", "1"}}}};
    EXPECT_EQ(changes_text({entry_of(1, "apply", 1), entry_of(2, "apply", 2),
                            entry_of(3, "apply", 3), entry_of(4, "restore", 3)},
                           known),
              "a:1@1 b:2@2 c:3@3");
}

TEST(RowChanges, ARollbackChangesWhatItPutsBack) {
    const Known known = {{1, {{"a", "1"}, {"b", "1"}}}, {2, {{"a", "1"}, {"b", "2"}}}};
    EXPECT_EQ(
        changes_text({entry_of(1, "apply", 1), entry_of(2, "apply", 2), entry_of(3, "rollback", 1)},
                     known),
        "a:1@1 b:1@3");
}

TEST(RowChanges, WhatIsNotKeptMayHaveBeenTheSame) {
    const Known known = {{1, {{"a", "1"}}}, {3, {{"a", "1"}}}, {4, {{"a", "1"}, {"b", "1"}}}};
    EXPECT_EQ(changes_text({entry_of(1, "apply", 1), entry_of(2, "apply", 2),
                            entry_of(3, "apply", 3), entry_of(4, "apply", 4)},
                           known),
              "a:3@3? b:4@4");
    EXPECT_EQ(changes_text({entry_of(3, "apply", 3)}, known), "a:3@3?");  // lost before it
    EXPECT_EQ(changes_text({entry_of(2, "apply", 2)}, known), "");
}

}  // namespace
}  // namespace pm
