// SPDX-License-Identifier: Apache-2.0
// Random policies against random packets: the programs in the kernel, the image in user space
// and the oracle must agree on every one. PM_SEED repeats a run, PM_PAIRS sets its size; a
// difference is shrunk before it is shown.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "loader/kernel/probe.h"
#include "policy/image/compile.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"
#include "policy/model/print.h"
#include "tests/support/host.h"
#include "tests/support/policies.h"
#include "tests/support/policy_builder.h"
#include "tests/support/random_packet.h"
#include "tests/support/random_policy.h"

namespace pm::test {
namespace {

std::uint64_t setting(const char *name, std::uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

std::uint64_t seed() {
    static const std::uint64_t value = setting("PM_SEED", std::random_device{}());
    return value;
}

// Takes away rows and blocked sets while the difference stays.
Policy shrink(Policy policy, const std::function<bool(const Policy &)> &differs) {
    for (std::size_t i = policy.rows.size(); i-- > 0 && policy.rows.size() > 1;) {
        Policy less = policy;
        less.rows.erase(less.rows.begin() + static_cast<std::ptrdiff_t>(i));
        if (differs(less)) policy = less;
    }
    for (std::size_t i = policy.block.size(); i-- > 0;) {
        Policy less = policy;
        less.block.erase(less.block.begin() + static_cast<std::ptrdiff_t>(i));
        if (differs(less)) policy = less;
    }
    for (const auto &[name, set] : Policy(policy).peers) {
        if (set.form != AddressSetDef::Form::items) continue;
        for (std::size_t i = set.addresses.ranges().size(); i-- > 0;) {
            Policy less = policy;
            const AddressSet &all = policy.peers[name].addresses;
            less.peers[name] = listed(all - AddressSet({all.ranges()[i]}));
            if (all.ranges().size() > 1 && differs(less)) policy = less;
        }
    }
    Policy placed = policy;
    placed.interfaces.clear();
    if (differs(placed)) policy = placed;
    for (const auto &[name, set] : Policy(policy).peers) {
        Policy less = policy;
        less.peers.erase(name);
        bool used = std::ranges::count(less.block, name) > 0;
        for (const Row &row : less.rows) used |= row.source == name || row.destination == name;
        if (!used) policy = less;
    }
    return policy;
}

std::string describe(const Sent &sent) {
    return std::string(sent.direction == Direction::in ? "in  " : "out ") + hex(sent.bytes);
}

std::string fault_of_pair(const Policy &policy, const Sent &sent, const ImageView &view) {
    std::string fault = compare_probe(Kernel::shared(), policy, sent.direction, sent.bytes);
    return fault.empty() ? compare_image(policy, view, sent.direction, sent.bytes) : fault;
}

std::string fault_of_pair(const Policy &policy, const Sent &sent) {
    const Image image = compile_for_test(policy);
    Kernel::shared().load_candidate(image);
    return fault_of_pair(policy, sent, ImageView(image.bytes));
}

// Agreement says little unless every verdict came up at least once. Verdicts that need state are
// left out.
void expect_variety(const std::map<std::string, std::uint64_t> &met, std::uint64_t pairs) {
    std::set<std::string> wanted{"a row", "essential-arp", "essential-neighbour",
                                 "essential-multicast", "essential-dhcp"};
    for (const Named &reason : reasons()) wanted.insert(reason.label);
    for (const char *stateful : {"banned", "rate-limited", "payload-mismatch", "flow-table-full",
                                 "forwarded", "no-policy"})
        wanted.erase(stateful);
    for (const std::string &label : wanted) {
        const auto found = met.find(label);
        const std::uint64_t count = found == met.end() ? 0 : found->second;
        EXPECT_GE(count, pairs / 100'000) << label << " came up too rarely";
    }
}

TEST(Differential, OnePacketOfARandomPolicy) {
    const std::uint64_t pairs = setting("PM_PAIRS", 1'000'000);
    constexpr std::uint64_t packets_per_policy = 500;
    std::map<std::string, std::uint64_t> met;
    for (std::uint64_t done = 0, round = 0; done < pairs; ++round) {
        Random random(seed() + round);
        const Policy policy = random_policy(random);
        const Image image = compile_for_test(policy);
        const ImageView view(image.bytes);
        Kernel::shared().load_candidate(image);
        for (std::uint64_t i = 0; i < packets_per_policy && done < pairs; i++, done++) {
            const Sent sent = random_packet(random, policy);
            const Verdict verdict = Kernel::shared().ask(sent.direction, sent.bytes);
            met[verdict.kind == Verdict::Kind::row ? "a row" : to_string(verdict, policy)]++;
            std::string fault = fault_of_pair(policy, sent, view);
            if (fault.empty()) continue;
            const Policy least = shrink(
                policy, [&](const Policy &less) { return !fault_of_pair(less, sent).empty(); });
            FAIL() << fault_of_pair(least, sent) << "\n"
                   << describe(sent) << "\n"
                   << print(least) << "repeat with PM_SEED=" << seed() + round
                   << " PM_PAIRS=" << packets_per_policy;
        }
    }
    expect_variety(met, pairs);
    RecordProperty("pairs", std::to_string(pairs));
    std::printf("%llu pairs agree, PM_SEED=%llu\n", static_cast<unsigned long long>(pairs),
                static_cast<unsigned long long>(seed()));
}

// The frames by which explain, expect and the test before each apply ask the programs.
TEST(Differential, FirstPacketsOfARandomPolicy) {
    const std::uint64_t policies = 1 + setting("PM_PAIRS", 1'000'000) / 5000;
    Random random(seed());
    for (std::uint64_t i = 0; i < policies; ++i) {
        const Policy policy = random_policy(random);
        const Image image = compile_for_test(policy);
        Kernel::shared().load_candidate(image);
        for (int j = 0; j < 500; ++j) {
            const FlowEnds ends = random_ends(random, policy);
            pm_flow_key flow = {.local = ends.local.abi(),
                                .remote = ends.remote.abi(),
                                .local_port = ends.local_port,
                                .remote_port = ends.remote_port,
                                .protocol = ends.protocol,
                                .interface = interface_number,
                                .zero = 0};
            if (random.chance(2)) flow.protocol = 2;
            if (random.chance(2)) {
                flow.local_port = ends.local.is_v4() ? 68 : 546;
                flow.remote_port = ends.local.is_v4() ? 67 : 547;
            }
            if (ends.local.is_v4() != ends.remote.is_v4() || !flow.local_port || !flow.remote_port)
                continue;
            const Question question = to_question(flow, ends.opener);
            const Bytes packet = first_packet(question);
            const std::string fault =
                compare_probe(Kernel::shared(), policy, question.direction, packet);
            ASSERT_EQ(fault, "") << to_string(question);
            const Verdict verdict = Kernel::shared().ask(question.direction, packet);
            const pm_moment when{.now = 0, .begun = test_time};
            EXPECT_EQ(verdict_of(judge_first(ImageView(image.bytes).view(), {}, when, question)),
                      verdict)
                << to_string(question) << ": " << to_string(verdict, policy) << "\n"
                << print(policy) << "PM_SEED=" << seed();
            if (HasFailure()) return;
        }
    }
}

// An event of a story: a packet, time that passes, another policy, or other bans.
struct Event {
    enum class Kind { packet, wait, apply, ban } kind = Kind::packet;
    Sent sent{};
    bool handed_over = false;
    std::uint32_t seconds = 0;
    std::size_t policy = 0;
    AddressSet banned{};
};

struct Story {
    std::vector<Policy> policies;
    std::vector<Event> events;
};

// Time passes in steps of 11 s: no sum of them comes near a timeout, so the time that the test
// itself takes does not matter.
Event random_event(Random &random, const Story &story, const std::vector<FlowEnds> &flows) {
    Event event;
    if (random.chance(4)) {
        event.kind = Event::Kind::wait;
        event.seconds =
            11 * static_cast<std::uint32_t>(random.pick({1, 1, 2, 3, 5, 6, 11, 27, 28}));
        return event;
    }
    if (random.chance(3)) {
        event.kind = Event::Kind::apply;
        event.policy = random.below(static_cast<std::uint32_t>(story.policies.size()));
        return event;
    }
    if (random.chance(1)) {
        event.kind = Event::Kind::ban;
        event.banned = random_bans(random, flows);
        return event;
    }
    if (random.chance(10)) {
        event.sent = random_packet(random, story.policies[0]);
        return event;
    }
    event.handed_over = random.chance(8);
    const FlowEnds &ends = random.pick(flows);
    event.sent.direction = random.chance(50) ? Direction::in : Direction::out;
    Packet packet = packet_of(random, ends, event.sent.direction);
    if (random.chance(8)) {  // an error about a packet of the other direction
        Direction other = event.sent.direction == Direction::in ? Direction::out : Direction::in;
        packet = icmp_error(packet.from, packet.to, datagram(packet_of(random, ends, other)),
                            20 + random.below(60));
    } else if (random.chance(12)) {
        const bool first = random.chance(50);
        packet.fragment = Fragment{static_cast<std::uint16_t>(first ? 0 : 24), random.chance(70),
                                   random.below(3), 24};
    }
    event.sent.bytes = frame(packet);
    if (!Kernel::can_run(event.sent.direction, event.sent.bytes)) event.sent.bytes = frame(Arp{});
    return event;
}

Story random_story(Random &random, std::size_t length) {
    Story story;
    story.policies.push_back(random_policy(random));
    for (int i = 0; i < 2; ++i)
        story.policies.push_back(changed_policy(random, story.policies.front()));
    std::vector<FlowEnds> flows;
    for (int i = random.between(2, 6); i > 0; --i)
        flows.push_back(random_ends(random, story.policies.front()));
    for (std::size_t i = 0; i < length; ++i)
        story.events.push_back(random_event(random, story, flows));
    return story;
}

// What goes wrong in the story, and after how many events. Empty if nothing does.
std::string fault_of(const Story &story, std::size_t *events = nullptr,
                     std::map<std::string, std::uint64_t> *met = nullptr) {
    Host host(story.policies.front());
    for (std::size_t i = 0; i < story.events.size(); ++i) {
        const Event &event = story.events[i];
        if (events) *events = i + 1;
        if (event.kind == Event::Kind::wait) host.wait(event.seconds);
        if (event.kind == Event::Kind::apply) host.apply(story.policies[event.policy]);
        if (event.kind == Event::Kind::ban) host.ban(event.banned);
        if (event.kind != Event::Kind::packet) continue;
        World world;
        if (event.handed_over && event.sent.direction == Direction::out) world.came_in_on = 7;
        const Host::Outcome outcome = host.send(event.sent.direction, event.sent.bytes, world);
        if (!outcome.fault.empty()) return outcome.fault;
        if (met) (*met)[outcome.verdict]++;
    }
    return {};
}

Story shrink(Story story) {
    std::size_t events = 0;
    fault_of(story, &events);
    story.events.resize(events);
    for (std::size_t chunk = events / 2; chunk > 0; chunk /= 2) {
        for (std::size_t at = 0; at + chunk <= story.events.size();) {
            Story less = story;
            auto first = less.events.begin() + static_cast<std::ptrdiff_t>(at);
            less.events.erase(first, first + static_cast<std::ptrdiff_t>(chunk));
            if (fault_of(less).empty())
                at += chunk;
            else
                story = less;
        }
    }
    for (std::size_t i = 0; i < story.policies.size(); ++i) {
        story.policies[i] = shrink(story.policies[i], [&](const Policy &less) {
            Story other = story;
            other.policies[i] = less;
            return !fault_of(other).empty();
        });
    }
    return story;
}

std::string to_text(const AddressSet &set) {
    std::string text;
    for (const Range &range : set.ranges()) text += to_string(range) + " ";
    return text;
}

std::string describe(const Story &story) {
    std::string text;
    for (const Event &event : story.events) {
        if (event.kind == Event::Kind::wait)
            text += "wait " + std::to_string(event.seconds) + "\n";
        else if (event.kind == Event::Kind::ban)
            text += "ban " + to_text(event.banned) + "\n";
        else if (event.kind == Event::Kind::apply)
            text += "apply policy " + std::to_string(event.policy) + "\n";
        else
            text += describe(event.sent) + (event.handed_over ? " handed over" : "") + "\n";
    }
    for (std::size_t i = 0; i < story.policies.size(); ++i)
        text += "policy " + std::to_string(i) + ":\n" + print(story.policies[i]);
    return text;
}

TEST(Differential, SequencesWithFlowsAndChangingPolicies) {
    const std::uint64_t pairs = setting("PM_PAIRS", 1'000'000) / 8;
    constexpr std::size_t length = 250;
    std::map<std::string, std::uint64_t> met;
    for (std::uint64_t done = 0, round = 0; done < pairs; done += length, round++) {
        Random random(seed() + round);
        const Story story = random_story(random, length);
        if (fault_of(story, nullptr, &met).empty()) continue;
        const Story least = shrink(story);
        FAIL() << fault_of(least) << "\n"
               << describe(least) << "repeat with PM_SEED=" << seed() + round
               << " PM_PAIRS=" << 8 * length;
    }
    for (const char *stateful : {"banned", "rate-limited", "payload-mismatch", "forwarded"})
        EXPECT_GE(met[stateful], pairs / 10'000) << stateful << " came up too rarely";
    RecordProperty("packets", std::to_string(pairs));
    std::printf("%llu packets in sequences agree, PM_SEED=%llu\n",
                static_cast<unsigned long long>(pairs), static_cast<unsigned long long>(seed()));
}

}  // namespace
}  // namespace pm::test
