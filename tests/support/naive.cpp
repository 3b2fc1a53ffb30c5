// SPDX-License-Identifier: Apache-2.0
// The oracle's packet path and its flow table; see naive.h.
#include "tests/support/naive.h"

#include <algorithm>

#include "tests/support/naive_essentials.h"

namespace pm::naive {

namespace {

using test::address;

Direction other(Direction direction) {
    return direction == Direction::in ? Direction::out : Direction::in;
}

// Applies the check that waits to the payload of this packet; false if it drops the packet. Once a
// payload has passed, nothing waits any more.
bool checked(Check &pending, Frame frame, const Headers &headers) {
    if (pending.payload == Check::Payload::none) return true;
    const Frame here = frame.subspan(headers.payload, headers.payload_here);
    if (!fits(pending.payload, here, headers.payload_length, headers.is_tcp()) && pending.drop)
        return false;
    pending = {};
    return true;
}

}  // namespace

Opening opening_of(const Headers &headers, Direction direction) {
    bool in = direction == Direction::in;
    Opening own;
    own.opener = direction;
    own.protocol = headers.protocol;
    own.local = in ? headers.destination : headers.source;
    own.remote = in ? headers.source : headers.destination;
    own.local_port = in ? headers.destination_port : headers.source_port;
    own.remote_port = in ? headers.source_port : headers.destination_port;
    if (headers.is_icmp()) {
        if (headers.is_echo_reply()) own.opener = other(direction);
        own.remote_port = own.opener == Direction::in ? 0 : 1;
    }
    return own;
}

Verdict Host::see(Frame frame, const Facts &facts) {
    bool out = facts.direction == Direction::out;
    Headers headers = parse(frame, out);
    if (headers.fault) return drop(headers.fault);
    if (out && facts.handed_over && !is_of_link(headers) && is_passing_through(headers))
        return drop(PM_DROP_FORWARDED);
    if (auto verdict = see_essential(frame, headers, facts)) return *verdict;
    Verdict verdict = see_datagram(frame, headers, facts);
    if (headers.fragment && !headers.offset && verdict.passes())
        fragments_[fragment_key(headers, facts.direction)] = {headers, now_};
    return verdict;
}

Host::FragmentKey Host::fragment_key(const Headers &headers, Direction direction) {
    return {headers.source, headers.destination, headers.fragment_protocol, headers.fragment_id,
            direction};
}

// A later fragment before its first: does any row let its sender open anything?
Verdict Host::see_fragment_alone(const Headers &headers, const Facts &facts) const {
    const Opening opening{.opener = Direction::in,
                          .local = headers.destination,
                          .remote = headers.source,
                          .protocol = headers.protocol};
    if (facts.direction == Direction::out || stateless_ ||
        !ask(opening, Direction::in, utc()).passes())
        return drop(PM_DROP_FRAGMENT_UNKNOWN);
    return is_foreign(headers.destination, facts, {}) ? drop(PM_DROP_FORWARDED)
                                                      : essential(PM_ESSENTIAL_FRAGMENT);
}

// Fills in what a later fragment does not contain, from the first one; returns a verdict if that
// fails.
std::optional<Verdict> Host::see_fragment(Headers &headers, const Facts &facts) const {
    if (!headers.fragment) return {};
    if (policy_->fragments_drop) return drop(PM_DROP_FRAGMENT_REFUSED);
    if (!headers.is_later_fragment()) return {};
    auto first = fragments_.find(fragment_key(headers, facts.direction));
    if (first == fragments_.end() || now_ - first->second.seen > PM_TIMEOUT_FRAGMENT)
        return see_fragment_alone(headers, facts);
    headers.protocol = first->second.headers.protocol;
    headers.source_port = first->second.headers.source_port;
    headers.destination_port = first->second.headers.destination_port;
    headers.icmp_type = first->second.headers.icmp_type;
    headers.tcp_flags = 16;
    return {};
}

std::optional<Verdict> Host::see_essential(Frame frame, const Headers &headers,
                                           const Facts &facts) {
    const Direction direction = facts.direction;
    if (headers.kind == Headers::Kind::arp) return see_arp(frame, headers);
    if (headers.kind == Headers::Kind::slow) return see_slow(frame, headers);
    if (headers.kind == Headers::Kind::other) return drop(PM_DROP_UNSUPPORTED_ETHERTYPE);
    if (headers.is_later_fragment()) return {};
    if (headers.is_icmp() && !headers.v4) return see_icmpv6(headers);
    if (headers.protocol == 2 && headers.v4) return see_igmp(frame, headers, direction);
    if (headers.is_udp() && !headers.fragment && !facts.handed_over)
        return see_dhcp(headers, direction);
    return {};
}

Verdict Host::see_igmp(Frame frame, const Headers &headers, Direction direction) const {
    const bool from_link = direction == Direction::out || stateless_ ||
                           headers.source == address("0.0.0.0") ||
                           on_link_.contains(headers.source);
    return is_igmp(frame, headers) && from_link ? essential(PM_ESSENTIAL_MULTICAST)
                                                : drop(PM_DROP_MALFORMED_ESSENTIAL);
}

std::optional<Verdict> Host::see_dhcp(const Headers &headers, Direction direction) {
    unsigned client = headers.v4 ? 68 : 546, server = headers.v4 ? 67 : 547;
    auto &asked = dhcp_asked_[headers.v4 ? 0 : 1];
    if (direction == Direction::out) {
        if (headers.source_port != client || headers.destination_port != server) return {};
        asked = now_;
        return essential(PM_ESSENTIAL_DHCP);
    }
    if (headers.destination_port != client || (headers.v4 && headers.source_port != server))
        return {};
    if (!asked || now_ - *asked > PM_TIMEOUT_DHCP) return {};
    return essential(PM_ESSENTIAL_DHCP);
}

Verdict Host::see_datagram(Frame frame, Headers &headers, const Facts &facts) {
    if (auto verdict = see_fragment(headers, facts)) return *verdict;
    if (headers.is_icmp_error()) return see_error(frame, headers, facts);
    if (headers.is_icmp() && !headers.is_echo_request() && !headers.is_echo_reply())
        return drop(PM_DROP_UNSUPPORTED_ICMP);
    return see_flow(frame, headers, facts);
}

// An error is about a packet that went the other way, and goes to that packet's sender; ours
// comes from the address that it was sent to.
Verdict Host::see_error(Frame frame, const Headers &headers, const Facts &facts) {
    Verdict unrelated = drop(PM_DROP_ICMP_UNRELATED);
    if (headers.fragment) return unrelated;
    Headers quoted = parse_quoted(frame, headers);
    if (quoted.fault || quoted.source != headers.destination) return unrelated;
    if (facts.direction == Direction::out && quoted.destination != headers.source) return unrelated;
    Direction direction = other(facts.direction);
    Opening opening = opening_of(quoted, direction);
    bool related = false;
    for (Direction opener : {Direction::in, Direction::out}) {
        const Flow *flow = find(opening, opener);
        if (!flow) continue;
        opening.opener = opener;
        related |= flow->epoch == epoch_ || ask(opening, direction, flow->begun).passes();
    }
    opening.opener = direction;
    if (!related && quoted.is_tcp() && facts.socket == Socket::live)
        related = judge_both_ways(quoted, opening, direction, 0).verdict.passes();
    return related ? essential(PM_ESSENTIAL_ICMP_ERROR) : unrelated;
}

bool Host::is_live(const Opening &ends, const Flow &flow) const {
    std::uint8_t protocol = ends.protocol;
    std::uint64_t limit = flow.answered ? PM_TIMEOUT_OTHER_ANSWERED : PM_TIMEOUT_OTHER;
    if (protocol == 1 || protocol == 58) limit = PM_TIMEOUT_ECHO;
    if (protocol == 6)
        limit = flow.reset         ? flow.vouched ? PM_TIMEOUT_TCP_CLOSING : PM_TIMEOUT_TCP_RESET
                : flow.closing     ? PM_TIMEOUT_TCP_CLOSING
                : flow.established ? PM_TIMEOUT_TCP_ESTABLISHED
                                   : PM_TIMEOUT_TCP_OPENING;
    return now_ - flow.last <= limit;
}

Host::Flow *Host::find(Opening ends, Direction opener) {
    ends.opener = opener;
    auto flow = flows_.find(ends);
    return flow != flows_.end() && is_live(ends, flow->second) ? &flow->second : nullptr;
}

Verdict Host::pass(Flow &flow, const Headers &headers, Direction direction) const {
    flow.last = now_;
    flow.answered |= direction != flow.opener;
    flow.reset = headers.is_tcp() && headers.tcp_flags & 4;
    flow.closing |= headers.is_tcp() && headers.tcp_flags & 1;
    flow.ending |= headers.is_tcp() && headers.tcp_flags & 5;
    if (headers.is_tcp() && headers.tcp_flags & 2 && direction == Direction::out && flow.next) {
        flow.pending = *flow.next;
        flow.next.reset();
        flow.ending = false;
    }
    return row(flow.row);
}

Verdict Host::ask(const Opening &opening, Direction direction, std::uint64_t begun) const {
    return judge(*policy_, interface_, opening, direction, begun, banned_);
}

Verdict Host::see_flow(Frame frame, const Headers &headers, const Facts &facts) {
    Opening own = opening_of(headers, facts.direction), answer = own;
    answer.opener = other(facts.direction);
    bool ports = headers.is_tcp() || headers.is_udp(), syn = headers.is_first_syn();
    bool may_own = !ports || gate(*policy_, own);
    bool may_answer = !ports || (!syn && gate(*policy_, answer));
    if (!may_own && !may_answer) return ask(own, facts.direction, utc());

    bool in = facts.direction == Direction::in;
    bool opened_in = in ? may_own : may_answer, opened_out = in ? may_answer : may_own;
    for (Direction opener : {Direction::in, Direction::out}) {
        Flow *flow = syn ? nullptr : find(own, opener);  // a SYN is judged first
        if (!flow || !(opener == Direction::in ? opened_in : opened_out)) continue;
        if (!stays(*flow, own, facts.direction)) continue;
        const bool opens = facts.direction == flow->opener;
        if (opens && (headers.payload_length || headers.fragment) &&
            !checked(flow->pending, frame, headers))
            return drop(PM_DROP_PAYLOAD_MISMATCH);
        follow_handshake(*flow, headers, facts.direction);
        return pass(*flow, headers, facts.direction);
    }
    return see_stray(frame, headers, own, facts);
}

// Under another policy a flow is judged again, as its opener sent it. A flow that one policy cuts
// may go on under a later one.
bool Host::stays(Flow &flow, Opening ends, Direction direction) const {
    if (flow.epoch == epoch_) return true;
    ends.opener = flow.opener;
    const Verdict verdict = ask(ends, direction, flow.begun);
    if (!verdict.passes()) return false;
    flow.row = verdict.number;
    flow.epoch = epoch_;
    return true;
}

// A packet that finds no live flow: it may open one, or a socket vouches for it.
Verdict Host::see_stray(Frame frame, const Headers &headers, const Opening &own,
                        const Facts &facts) {
    Judged judged = judge_both_ways(headers, own, facts.direction, utc());
    const Verdict now = judged.verdict;
    const bool has_connection = facts.socket == Socket::live || facts.socket == Socket::half_open;
    if (!now.passes() && headers.is_tcp() && !headers.is_first_syn() && has_connection)
        judged = judge_as_begun(own, facts.direction);
    if (!judged.verdict.passes()) return now;
    bool opens = headers.is_tcp() ? headers.is_first_syn()
                                  : !headers.is_echo_reply() && !headers.is_later_fragment();
    if (opens && judged.opener == facts.direction) {
        if (facts.direction == Direction::in && is_foreign(own.local, facts, judged.verdict))
            return drop(PM_DROP_FORWARDED);
        return see_opener(frame, headers, own, facts, judged);
    }
    // Datagrams to a group open no flow. The first fragment has passed, so this one does.
    const bool group = is_multicast(own.local) || is_multicast(own.remote);
    if (headers.is_later_fragment() && group && judged.opener == facts.direction)
        return judged.verdict;
    if (!headers.is_tcp() || facts.socket == Socket::none) return drop(PM_DROP_NOT_FIRST_PACKET);
    if (facts.socket == Socket::listening) return see_forgotten(headers, own, facts, judged);
    const bool half_open = facts.socket == Socket::half_open;
    const bool brings =
        judged.opener == facts.direction && (headers.payload_length || headers.fragment);
    Check pending = half_open ? check_of(judged.verdict) : waiting_check(own, judged.opener);
    if (half_open && (facts.direction != Direction::in || judged.opener != Direction::in))
        return judged.verdict;
    if (brings && !checked(pending, frame, headers)) return drop(PM_DROP_PAYLOAD_MISMATCH);
    open(own, headers, facts.direction, judged, pending, !half_open);
    if (Flow *flow = find(own, judged.opener)) flow->begun = 0;
    return judged.verdict;
}

// Only a listener is left of its connection: the peer's segment passes, and the RST that answers
// it.
Verdict Host::see_forgotten(const Headers &headers, const Opening &own, const Facts &facts,
                            const Judged &judged) const {
    constexpr std::uint8_t syn = 2, rst = 4;
    const bool is_rst = headers.tcp_flags & rst, is_in = facts.direction == Direction::in;
    if (headers.fragment || headers.tcp_flags & syn || is_rst == is_in ||
        (is_in && judged.opener != Direction::in))
        return drop(PM_DROP_NOT_FIRST_PACKET);
    if (is_in && is_foreign(own.local, facts, judged.verdict)) return drop(PM_DROP_FORWARDED);
    Opening ends = own;
    ends.opener = Direction::in;
    const Verdict verdict = ask(ends, facts.direction, utc());
    return verdict.passes() ? verdict : drop(PM_DROP_NOT_FIRST_PACKET);
}

Check Host::check_of(const Verdict &verdict) const {
    return policy_->rows[static_cast<std::size_t>(verdict.number)].check;
}

// The check that still waits in a flow, even if the flow has expired.
Check Host::waiting_check(Opening ends, Direction opener) const {
    ends.opener = opener;
    auto flow = flows_.find(ends);
    return flow == flows_.end() ? Check{} : flow->second.pending;
}

// A packet that opens a flow passes within the limit of its row and with the payload that the row
// asks for.
//
// A SYN within a live flow opens another connection only if
// - an RST or FIN was seen, or
// - it is inbound, the flow is established, the row has a limit or a check, and no socket exists.
//
// A SYN of this host begins the connection at once, and ends a flow that the peer has opened. A SYN
// of a peer may be forged, so its check waits in `next` until this host answers with a SYN-ACK. The
// same holds where a socket is live but its flow has expired.
Verdict Host::see_opener(Frame frame, const Headers &headers, const Opening &own,
                         const Facts &facts, const Judged &judged) {
    const Direction direction = facts.direction;
    Flow *flow = headers.is_first_syn() ? find(own, direction) : nullptr;
    if (flow && !stays(*flow, own, direction)) flow = nullptr;
    const Row &row = policy_->rows[static_cast<std::size_t>(judged.verdict.number)];
    const bool guarded = row.limit.flows != 0 || row.check.payload != Check::Payload::none;
    const bool opens = !flow || flow->ending ||
                       (direction == Direction::in && flow->established && guarded &&
                        facts.socket == Socket::none);
    if (opens && !within_limit(judged.verdict.number, own)) return drop(PM_DROP_RATE_LIMITED);
    Check pending = stateless_ ? Check{} : row.check;
    const bool brings = headers.payload_length || headers.fragment;
    if ((!headers.is_first_syn() || brings) && !checked(pending, frame, headers))
        return drop(PM_DROP_PAYLOAD_MISMATCH);
    if (direction == Direction::out && headers.is_first_syn()) {
        Opening theirs = own;
        theirs.opener = Direction::in;
        flows_.erase(theirs);
    }
    const bool waits = direction == Direction::in && facts.socket == Socket::live &&
                       pending.payload != Check::Payload::none;
    const bool awaits = direction == Direction::out && headers.is_first_syn() && !headers.fragment;
    if (!flow) {
        const Verdict verdict =
            open(own, headers, direction, judged, waits ? waiting_check(own, direction) : pending);
        if (flow = find(own, direction); waits && flow) flow->next = pending;
        if (awaits && flow) flow->await(headers);
        return verdict;
    }
    if (awaits) flow->await(headers);
    if (!opens) return judged.verdict;
    flow->last = now_;
    if (flow->begun == 0) flow->begun = flow->recorded;
    if (direction == Direction::in) {
        flow->next = pending;
    } else {
        flow->pending = pending;
        flow->ending = false;
    }
    return judged.verdict;
}

bool Host::within_limit(int row, const Opening &own) {
    const Limit &limit = policy_->rows[static_cast<std::size_t>(row)].limit;
    if (stateless_ || limit.flows == 0) return true;
    // Not an address of zeros for the row as a whole: a peer in ::/64 has that.
    std::optional<Address> peer;
    if (!limit.per_row) peer = own.remote;
    if (peer && !peer->is_v4()) peer->low = 0;
    const std::uint64_t interval = limit.per_seconds * 1'000'000 / limit.flows;
    const std::uint64_t now = now_ * 1'000'000;
    std::uint64_t &schedule = schedules_[{row, peer}];
    const std::uint64_t start = std::max(schedule, now);
    if (start - now > interval * (limit.burst - 1)) return false;
    schedule = start + interval;
    return true;
}

// Judges the packet as the opener of its own flow if a row could have its ports, else as an answer;
// tcp as both.
Host::Judged Host::judge_both_ways(const Headers &headers, const Opening &own, Direction direction,
                                   std::uint64_t begun) const {
    Judged first{ask(own, direction, begun), own.opener};
    if (first.verdict.passes() || headers.is_first_syn()) return first;
    if (!headers.is_tcp() && !headers.is_udp()) return first;

    Opening answer = own;
    answer.opener = other(direction);
    bool may_own = gate(*policy_, own), may_answer = gate(*policy_, answer);
    if (!may_answer || (may_own && !headers.is_tcp())) return first;
    Judged second{ask(answer, direction, begun), answer.opener};
    return second.verdict.passes() || !may_own ? second : first;
}

Verdict Host::open(Opening ends, const Headers &headers, Direction direction, const Judged &judged,
                   const Check &pending, bool established) {
    ends.opener = judged.opener;
    Flow flow;
    flow.opener = judged.opener;
    flow.row = judged.verdict.number;
    flow.epoch = epoch_;
    flow.begun = flow.recorded = utc();
    flow.established = established;
    flow.pending = pending;
    if (is_multicast(ends.local) || is_multicast(ends.remote)) return judged.verdict;
    return pass(flows_[ends] = flow, headers, direction);
}

std::size_t Host::live_flows() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        flows_, [&](const auto &entry) { return is_live(entry.first, entry.second); }));
}

}  // namespace pm::naive
