// SPDX-License-Identifier: Apache-2.0
// The oracle: judges packets in the plainest way, by the rows of the model in order and with flows
// in a std::map. It shares no code with the compiled image or the kernel's programs, so where all
// three agree they are probably right.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "policy/model/model.h"
#include "tests/support/addresses.h"
#include "tests/support/naive_parse.h"
#include "tests/support/naive_payload.h"
#include "tests/support/time.h"
#include "tests/support/verdict.h"

namespace pm::naive {

using test::drop;
using test::essential;
using test::row;
using test::Verdict;

struct Interface {
    std::string name;
};

// What the kernel knows of a packet beside its bytes.
enum class Socket { none, listening, half_open, live };  // half_open: its peer has begun it

struct Facts {
    Direction direction = Direction::in;
    bool handed_over = false;      // out: another device of this host had it before
    bool routed = false;           // in: by the routing table it would go on
    Socket socket = Socket::none;  // of this host, with the tcp packet's addresses and ports
};

// A flow as its first packet describes it.
struct Opening {
    Direction opener = Direction::in;
    Address local, remote;
    std::uint16_t local_port = 0, remote_port = 0;  // echo: identifier, opener
    std::uint8_t protocol = 0;

    auto operator<=>(const Opening &) const = default;
};

// The flow that a packet opens, or would answer as an echo reply.
Opening opening_of(const Headers &headers, Direction direction);

// The verdict on a flow's first packet, without state. `direction` is that of the packet that asks;
// `begun` (ns of UTC) is when the flow begins or has begun.
Verdict judge(const Policy &policy, const Interface &interface, const Opening &opening,
              Direction direction, std::uint64_t begun, const AddressSet &banned = {});

// Could a row of any kind, on any interface, open such a flow?
bool gate(const Policy &policy, const Opening &opening);

// One interface of a host, with its flows. Time stands still but for wait().
class Host {
public:
    Host(const Policy &policy, Interface interface) : policy_(&policy), interface_(interface) {}

    // A host without any state, and so without limits and checks.
    static Host stateless(const Policy &policy, Interface interface, std::uint64_t utc) {
        Host host(policy, interface);
        host.stateless_ = true;
        host.utc_at_begin_ = utc;
        return host;
    }

    // Puts another policy in force, or the same one again. Every flow is judged again.
    void apply(const Policy &policy) {
        policy_ = &policy;
        epoch_++;
    }
    void ban(AddressSet banned) {  // these and no others
        banned_ = std::move(banned);
        epoch_++;
    }
    void wait(std::uint64_t seconds) { now_ += seconds; }
    std::uint64_t utc() const { return utc_at_begin_ + (now_ - begin) * test::ns_in_second; }

    // The verdict on a packet, and what it leaves behind.
    Verdict see(Frame frame, const Facts &facts);

    std::size_t live_flows() const;

private:
    using FragmentKey = std::tuple<Address, Address, std::uint8_t, std::uint32_t, Direction>;

    struct Flow {
        Direction opener = Direction::in;
        int row = 0;
        std::uint64_t epoch = 0;
        std::uint64_t last = 0;
        std::uint64_t recorded = 0;  // ns of UTC: since when it is known
        std::uint64_t begun = 0;     // likewise; 0: before that, nobody knows when
        bool answered = false, closing = false, reset = false, established = false;
        bool ending = false;          // an RST or FIN was seen, and no other connection since
        Check pending{};              // of the opener's first payload
        std::optional<Check> next{};  // pending once this host has sent its SYN-ACK
        std::optional<std::uint32_t> awaited{};  // what acknowledges this host's SYN or SYN-ACK
        bool vouched = false;                    // it was acknowledged

        void await(const Headers &headers) {
            awaited = headers.sequence + 1;
            vouched = false;
        }
    };
    struct Judged {
        Verdict verdict;
        Direction opener = Direction::in;  // of the flow that was asked about
    };
    struct FirstFragment {
        Headers headers;
        std::uint64_t seen = 0;
    };

    bool is_listed(const Address &local) const;
    bool is_passing_through(const Headers &headers) const;
    bool is_foreign(const Address &local, const Facts &facts, const Verdict &verdict) const;
    static FragmentKey fragment_key(const Headers &headers, Direction direction);
    Verdict see_fragment_alone(const Headers &headers, const Facts &facts) const;
    std::optional<Verdict> see_fragment(Headers &headers, const Facts &facts) const;
    std::optional<Verdict> see_essential(Frame frame, const Headers &headers, const Facts &facts);
    Verdict see_igmp(Frame frame, const Headers &headers, Direction direction) const;
    std::optional<Verdict> see_dhcp(const Headers &headers, Direction direction);
    Verdict see_datagram(Frame frame, Headers &headers, const Facts &facts);
    Verdict see_error(Frame frame, const Headers &headers, const Facts &facts);
    Verdict see_flow(Frame frame, const Headers &headers, const Facts &facts);
    bool stays(Flow &flow, Opening ends, Direction direction) const;
    Verdict see_stray(Frame frame, const Headers &headers, const Opening &own, const Facts &facts);
    Verdict see_opener(Frame frame, const Headers &headers, const Opening &own, const Facts &facts,
                       const Judged &judged);
    Verdict see_forgotten(const Headers &headers, const Opening &own, const Facts &facts,
                          const Judged &judged) const;
    Check check_of(const Verdict &verdict) const;  // of the row that passes it
    Check waiting_check(Opening ends, Direction opener) const;
    bool within_limit(int row, const Opening &own);
    Verdict ask(const Opening &opening, Direction direction, std::uint64_t begun) const;
    Judged judge_both_ways(const Headers &headers, const Opening &own, Direction direction,
                           std::uint64_t begun) const;
    Judged judge_as_begun(const Opening &own, Direction direction) const;
    std::uint64_t begun_before(Opening ends, Direction opener) const;
    Verdict open(Opening ends, const Headers &headers, Direction direction, const Judged &judged,
                 const Check &pending, bool established = false);
    static void follow_handshake(Flow &flow, const Headers &headers, Direction direction);
    Verdict pass(Flow &flow, const Headers &headers, Direction direction) const;
    bool is_live(const Opening &ends, const Flow &flow) const;
    Flow *find(Opening ends, Direction opener);  // a live one

    const Policy *policy_;
    Interface interface_;
    bool stateless_ = false;
    AddressSet banned_;
    AddressSet on_link_ = test::addresses_on_link();
    AddressSet own_ = test::own_addresses_of_test();
    AddressSet routed_ = test::routed_addresses_of_test();
    AddressSet stays_ = test::addresses_that_stay_in_test();
    static constexpr std::uint64_t begin = 1000;
    std::uint64_t epoch_ = 1;
    std::uint64_t now_ = begin;
    std::uint64_t utc_at_begin_ = test::test_time;
    std::map<Opening, Flow> flows_;  // each side may have opened one with the same ports
    std::map<FragmentKey, FirstFragment> fragments_;
    std::map<std::pair<int, std::optional<Address>>, std::uint64_t>
        schedules_;  // of limits, in microseconds
    std::optional<std::uint64_t> dhcp_asked_[2];
};

// The verdict of the probe programs: no flow, fragment or client was ever seen.
inline Verdict probe(const Policy &policy, const Interface &interface, Frame frame,
                     const Facts &facts, std::uint64_t utc) {
    return Host::stateless(policy, interface, utc).see(frame, facts);
}

}  // namespace pm::naive
