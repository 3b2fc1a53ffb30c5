// SPDX-License-Identifier: Apache-2.0
#include "policy/judge/examples.h"

#include <gtest/gtest.h>

#include "policy/image/catalog.h"
#include "tests/support/policy_builder.h"
#include "tests/unit/judged.h"

namespace pm {
namespace {

using test::Judged;
using test::PolicyBuilder;
using test::tcp;
using test::udp;

std::vector<Question> examples(const Judged &judged) {
    return example_questions(judged.view.view(), *read_catalog(judged.view.view()), 0);
}

bool passes(const Judged &judged, const Question &question) {
    return pm_reason_of(
               judge_first(judged.view.view(), {}, present(judged.view.view()), question)) == 0;
}

TEST(Examples, AreOneThatPassesAndOneThatDoesNotEachWay) {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10"}).peers("clients", {"198.51.100.0/24", "2001:db8:20::/48"});
    b.row("web", {tcp}, "clients", "access", {{443, 443}});
    b.row("stun", {udp}, "access", "clients", {{3478, 3478}});
    const Judged judged(b.policy);
    const std::vector<Question> found = examples(judged);
    ASSERT_EQ(found.size(), 4u);
    for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].direction, i < 2 ? Direction::in : Direction::out);
        EXPECT_EQ(passes(judged, found[i]), i % 2 == 0) << to_string(found[i]);
    }
}

TEST(Examples, OfAPolicyThatPassesNothingThereIsNoneThatPasses) {
    PolicyBuilder b;
    b.role("access", {"203.0.113.10"}).no_peers("nobody");
    b.row("web", {tcp}, "nobody", "access", {{443, 443}});
    const Judged judged(b.policy);
    for (const Question &one : examples(judged)) EXPECT_FALSE(passes(judged, one));
}

}  // namespace
}  // namespace pm
