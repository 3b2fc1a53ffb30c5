// SPDX-License-Identifier: Apache-2.0
// An expectation describes many packets. Packets between the same bounds of sets and port ranges
// are judged alike, so one packet of each kind is asked about.
#include "policy/check/expect.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "policy/check/witness.h"
#include "policy/image/image_ranges.h"
#include "policy/image/locals.h"
#include "policy/judge/judge.h"
#include "policy/model/labels.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

struct PortCase {
    std::uint16_t from = 0, to = 0;
};

// One port that both have, the usual one if they have it; 0: none.
std::uint16_t common_port(const Ports &a, const Ports &b) {
    const Ports both = common_ports(a, b);
    return both.empty() ? std::uint16_t{0} : usual_port(both);
}

// One packet's ports for every pair that the expectation's ports can make.
std::vector<PortCase> port_cases(pm_view view, const Expectation &expectation) {
    const std::uint8_t transport = expectation.transport;
    if (!has_ports(transport)) return {{}};

    std::vector<PortCase> out;
    std::vector<bool> class_seen(65536), pair_seen(65536);
    auto add_class = [&](std::uint16_t to) {
        for (const PortRange &run : source_port_runs(view, transport, to)) {
            const std::uint16_t from = common_port({run}, expectation.source_port);
            if (!from) continue;
            const std::uint32_t pair = pm_pair(view, transport, to, from);
            if (!pair_seen[pair]) out.push_back({from, to});
            pair_seen[pair] = true;
        }
    };
    for (const PortRange &range : expectation.port)
        for (std::uint32_t number = range.first; number <= range.last; ++number) {
            const auto port = static_cast<std::uint16_t>(number);
            const std::uint16_t class_ = port_class(view, transport, port);
            if (!class_seen[class_]) add_class(port);
            class_seen[class_] = true;
        }
    // A DHCP request passes without a row. An expectation without a source port does not mean it.
    if (expectation.source_port != any_port)
        for (const DhcpPorts &dhcp : {dhcp_v4, dhcp_v6})
            if (contains(expectation.source_port, dhcp.client) &&
                contains(expectation.port, dhcp.server))
                out.push_back({dhcp.client, dhcp.server});
    return out;
}

// The two sides of an expectation. Each has a role, or else an address. This host's side is the
// one with the role. Of two addresses it is `from` if that is listed, else `to`.
struct Ends {
    Ends(pm_view image, const Expectation &expectation)
        : out(!expectation.from_role.empty() ||
              (expectation.to_role.empty() && is_listed(image, *expectation.from_address))),
          role(out ? expectation.from_role : expectation.to_role),
          own((out ? expectation.from_address : expectation.to_address).value_or(Address{})),
          peer((out ? expectation.to_address : expectation.from_address).value_or(Address{})) {}

    bool out;                 // this host opens
    const std::string &role;  // empty: own
    Address own, peer;
};

class Tester {
public:
    Tester(const Policy &policy, const ImageView &image, Diagnostics &diagnostics);

    void test(const Expectation &expectation);

    Tested tested;

private:
    struct Interface {
        unsigned number;
        std::string name;
    };
    std::vector<Interface> interfaces(const Expectation &expectation) const;
    std::vector<Address> locals(const Expectation &expectation, const std::string &interface) const;
    bool is_met(const Expectation &expectation, const Question &question,
                std::set<std::string> &rows);
    void report(const Expectation &expectation, const Question &question);
    void warn_if_either_may_be_own(const Expectation &expectation, const Ends &ends);

    const Policy &policy_;
    const ImageView &image_;
    Diagnostics &diagnostics_;
    pm_moment when_ = present(image_.view());
    std::vector<Address> bounds_;  // addresses at which the class of a local address may change
};

// Is the role, or the role that holds the address, on the interface?
bool is_on(const Policy &policy, const Ends &ends, const std::string &interface) {
    if (!ends.role.empty()) return is_placed(policy, ends.role, interface);
    bool is_listed = false;
    for (const auto &[name, role] : policy.roles) {
        if (!role.addresses.contains(ends.own)) continue;
        if (is_placed(policy, name, interface)) return true;
        is_listed = true;
    }
    return !is_listed;
}

Tester::Tester(const Policy &policy, const ImageView &image, Diagnostics &diagnostics)
    : policy_(policy), image_(image), diagnostics_(diagnostics) {
    auto add = [this](const AddressSet &set) {
        for (const Range &range : set.ranges()) {
            bounds_.push_back(range.first);
            bounds_.push_back(range.last.next());
        }
    };
    for (const AddressSet &set : find_locals(policy, ClosedZone::absent).sets) add(set);
    add(AddressSet::any());
    add(AddressSet::martians());
    std::ranges::sort(bounds_);
    const auto repeated = std::ranges::unique(bounds_);
    bounds_.erase(repeated.begin(), repeated.end());
}

std::vector<Tester::Interface> Tester::interfaces(const Expectation &expectation) const {
    if (policy_.interfaces.empty()) return {{0, ""}};
    std::vector<Interface> out;
    for (unsigned number = 0; number < PM_INTERFACES; ++number) {
        const std::string &name = interface_name(policy_, image_.view(), number);
        if (name.empty()) continue;
        if (expectation.interface ? *expectation.interface == name
                                  : is_on(policy_, Ends(image_.view(), expectation), name))
            out.push_back({number, name});
    }
    return out;
}

// One address of every kind that the expectation's own side has, in the family of the other.
std::vector<Address> Tester::locals(const Expectation &expectation,
                                    const std::string &interface) const {
    const Ends ends(image_.view(), expectation);
    if (ends.role.empty()) return {ends.own};

    const Address &peer = ends.peer;
    const AddressSetDef &def = policy_.roles.at(ends.role);
    AddressSet set = def.addresses;  // also where an expectation names another interface
    // All addresses of an interface role may arrive, but packets to or from these are dropped
    // whatever the rows say.
    if (def.is_interface)
        set = (local_addresses(policy_, ends.role, interface,
                               ends.out ? Direction::out : Direction::in) &
               AddressSet::any()) -
              AddressSet::martians() - AddressSet({{peer, peer}});
    set = set & (peer.is_v4() ? AddressSet::v4() : AddressSet::v6());

    std::vector<Address> found;
    for (const Range &range : set.ranges()) {
        found.push_back(range.first);
        auto bound = std::ranges::upper_bound(bounds_, range.first);
        for (; bound != bounds_.end() && *bound <= range.last; ++bound) found.push_back(*bound);
        if (range.first < peer && peer <= range.last) found.push_back(peer);
    }
    return found;
}

void Tester::report(const Expectation &expectation, const Question &question) {
    const Answer answer = ask(policy_, image_, question);
    const std::string interface = interface_name(policy_, image_.view(), question.interface);
    const std::string packet = to_string(question) + (interface.empty() ? "" : " on " + interface);
    const std::string expected = !expectation.pass ? "drop"
                                 : expectation.row
                                     ? fmt::format("pass by row '{}'", *expectation.row)
                                     : "pass";
    const std::string found = answer.pass
                                  ? fmt::format("passes by row '{}'", answer.row)
                                  : fmt::format("is dropped ({})", reason_label(answer.reason));
    diagnostics_.error(expectation.where,
                       fmt::format("expected {}, but {} {}", expected, packet, found),
                       answer.why.text);
}

// Adds the row that passes the packet.
bool Tester::is_met(const Expectation &expectation, const Question &question,
                    std::set<std::string> &rows) {
    const std::uint32_t verdict = judge_first(image_.view(), {}, when_, question);
    const std::uint32_t reason = pm_reason_of(verdict);
    const bool by_row = reason == PM_UNDECIDED;
    if ((by_row || reason == essential_verdict) != expectation.pass) return false;
    if (!by_row) return !expectation.row;
    const std::string &row = policy_.rows.at(pm_row_of(verdict)).id;
    rows.insert(row);
    return !expectation.row || row == *expectation.row;
}

// The addresses of a role that is `interface` are not known. Where an expectation names two
// addresses, a drop that was meant for a packet that goes out would be tested as one that comes
// in, and nobody would see it.
void Tester::warn_if_either_may_be_own(const Expectation &expectation, const Ends &ends) {
    if (expectation.pass || ends.out || !ends.role.empty() || is_listed(image_.view(), ends.own) ||
        !AddressSet::any().contains(ends.own))
        return;
    const auto open = std::ranges::find_if(
        policy_.roles, [](const auto &role) { return role.second.is_interface; });
    if (open == policy_.roles.end()) return;
    diagnostics_.warning(
        expectation.where,
        fmt::format("neither {} nor {} is listed under edge; this is tested as coming in",
                    to_string(ends.peer), to_string(ends.own)),
        "",
        fmt::format("write a role, as '{}', in place of the address of this host", open->first));
}

void Tester::test(const Expectation &expectation) {
    const std::vector<PortCase> ports = port_cases(image_.view(), expectation);
    const Ends ends(image_.view(), expectation);
    warn_if_either_may_be_own(expectation, ends);
    bool asked = false;
    std::set<std::string> rows;
    for (const Interface &interface : interfaces(expectation))
        for (const Address &local : locals(expectation, interface.name))
            for (const PortCase &port : ports) {
                const Question question{.from = ends.out ? local : ends.peer,
                                        .to = ends.out ? ends.peer : local,
                                        .from_port = port.from,
                                        .to_port = port.to,
                                        .transport = expectation.transport,
                                        .direction = ends.out ? Direction::out : Direction::in,
                                        .interface = interface.number};
                if (!asked) ++tested.count;
                asked = true;
                tested.questions.push_back(question);
                if (is_met(expectation, question, rows)) continue;
                return report(expectation, question);
            }
    for (const std::string &row : rows) ++tested.by_row[row];
    if (!asked)
        diagnostics_.warning(
            expectation.where, "this expectation describes no packet", "",
            fmt::format("role '{}' has no address of that family there", ends.role));
}

}  // namespace

Tested check_expectations(const Policy &policy, const ImageView &image, Diagnostics &diagnostics) {
    if (policy.expect.empty()) return {};
    Tester tester(policy, image, diagnostics);
    for (const Expectation &expectation : policy.expect) tester.test(expectation);
    return std::move(tester.tested);
}

}  // namespace pm
