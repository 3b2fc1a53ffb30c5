// SPDX-License-Identifier: Apache-2.0
#include "tests/support/host.h"

#include <gtest/gtest.h>

#include "tests/support/policies.h"

namespace pm::test {

namespace {

std::string differ(const char *who, const Verdict &theirs, const Verdict &oracle,
                   const Policy &policy) {
    if (theirs == oracle) return {};
    return std::string(who) + " says '" + to_string(theirs, policy) + "', the oracle '" +
           to_string(oracle, policy) + "'";
}

std::string direction_name(Direction direction) {
    return direction == Direction::in ? "in" : "out";
}

}  // namespace

Host::Host(Policy policy, Kernel &kernel)
    : policy_(std::move(policy)), kernel_(kernel), oracle_(policy_, {interface_name}) {
    put_in_force();
    kernel_.clear();
}

void Host::apply(Policy policy) {
    policy_ = std::move(policy);
    put_in_force();
    oracle_.apply(policy_);
}

void Host::put_in_force() {
    const Image image = compile_for_test(policy_);
    kernel_.apply(image);
    if (!banned_.empty()) kernel_.ban(banned_);
    kernel_.load_candidate(image);
    view_ = ImageView(image.bytes);
}

void Host::ban(const AddressSet &banned) {
    banned_ = banned;
    kernel_.ban(banned);
    oracle_.ban(banned);
}

void Host::wait(std::uint32_t seconds) {
    kernel_.age(seconds);
    oracle_.wait(seconds);
}

// Packets are described as the peer sends them; what the host sends has its MAC address.
Packet Host::from_host(Packet packet) {
    if (packet.source_mac == peer_mac) packet.source_mac = host_mac;
    if (packet.destination_mac == host_mac) packet.destination_mac = peer_mac;
    return packet;
}

std::string Host::in(const Bytes &frame, const World &world) {
    return expect(Direction::in, frame, world);
}

std::string Host::out(const Bytes &frame, const World &world) {
    return expect(Direction::out, frame, world);
}

std::string Host::expect(Direction direction, const Bytes &frame, const World &world) {
    Outcome outcome = send(direction, frame, world);
    EXPECT_EQ(outcome.fault, "") << direction_name(direction) << " " << hex(frame);
    return outcome.verdict;
}

Host::Outcome Host::send(Direction direction, const Bytes &frame, const World &world) {
    naive::Facts facts;
    facts.direction = direction;
    facts.handed_over = world.came_in_on != 0;
    facts.routed = world.routed;
    facts.socket = world.socket;
    const Verdict expected = oracle_.see(frame, facts);
    const std::uint64_t bytes = naive::parse(frame, direction == Direction::out).bytes;

    const Seen seen = kernel_.see(direction, frame, {.came_in_on = world.came_in_on});
    sent_++;
    Outcome outcome;
    if (seen.moved.size() == 1) outcome.verdict = to_string(seen.moved[0].verdict, policy_);
    outcome.fault = compare_counters(seen, expected, bytes);
    if (outcome.fault.empty() && world.plain())
        outcome.fault = compare_probe(kernel_, policy_, direction, frame, oracle_.utc());
    if (outcome.fault.empty())
        outcome.fault = compare_image(policy_, view_, direction, frame, oracle_.utc());
    return outcome;
}

std::string Host::compare_counters(const Seen &seen, const Verdict &expected, std::uint64_t bytes) {
    if (seen.moved.size() != 1) return std::to_string(seen.moved.size()) + " counters moved";
    const Moved &moved = seen.moved[0];
    std::string fault = differ("the kernel", moved.verdict, expected, policy_);
    if (!fault.empty()) return fault;
    if (moved.packets != 1 || moved.bytes != bytes || moved.would)
        return "counted " + std::to_string(moved.packets) + " packets and " +
               std::to_string(moved.bytes) + " bytes instead of 1 and " + std::to_string(bytes);
    if (seen.passed != expected.passes()) return "the action is not that of the verdict";
    const Totals totals = kernel_.totals();
    return totals.passed + totals.dropped == sent_ ? "" : "seen is not passed + dropped";
}

std::string compare_image(const Policy &policy, const ImageView &image, Direction direction,
                          const Bytes &frame, std::uint64_t utc) {
    naive::Headers headers = naive::parse(frame, direction == Direction::out);
    if (headers.fault || headers.kind != naive::Headers::Kind::ip || headers.is_later_fragment())
        return {};
    if (headers.is_icmp() && !headers.is_echo_request() && !headers.is_echo_reply()) return {};
    naive::Opening opening = naive::opening_of(headers, direction);
    for (Direction opener : {Direction::in, Direction::out}) {
        opening.opener = opener;
        const pm_flow_key flow = {.local = opening.local.abi(),
                                  .remote = opening.remote.abi(),
                                  .local_port = opening.local_port,
                                  .remote_port = opening.remote_port,
                                  .protocol = opening.protocol,
                                  .interface = interface_number,
                                  .zero = 0};
        std::uint32_t answer =
            pm_judge(image.view(), {nullptr, 0}, {.now = 0, .begun = utc}, &flow,
                     static_cast<std::uint32_t>(opener), static_cast<std::uint32_t>(direction));
        Verdict theirs = pm_reason_of(answer) ? drop(static_cast<pm_reason>(pm_reason_of(answer)))
                                              : row(static_cast<int>(pm_row_of(answer)));
        std::string fault =
            differ("the image", theirs,
                   naive::judge(policy, {interface_name}, opening, direction, utc), policy);
        if (!fault.empty()) return fault + ", opened " + direction_name(opener);
    }
    return {};
}

std::string compare_probe(Kernel &kernel, const Policy &policy, Direction direction,
                          const Bytes &frame, std::uint64_t utc) {
    naive::Facts facts;
    facts.direction = direction;
    return differ("the probe", kernel.ask(direction, frame),
                  naive::probe(policy, {interface_name}, frame, facts, utc), policy);
}

std::string hex(const Bytes &bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::uint8_t byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

}  // namespace pm::test
