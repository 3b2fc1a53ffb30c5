// SPDX-License-Identifier: Apache-2.0
#include "loader/update/session_guard.h"

#include <net/if.h>

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/host/netlink.h"
#include "loader/host/own_addresses.h"
#include "loader/host/ssh_sessions.h"
#include "policy/model/labels.h"

namespace pm {
namespace {

constexpr std::size_t sessions_named = 3;

// Adds what these interfaces, by index, stand on, to the lowest.
void add_lower(std::set<std::uint32_t> &interfaces) {
    const std::vector<Link> links = all_links();
    for (std::size_t before = 0; before != interfaces.size();) {
        before = interfaces.size();
        for (const Link &one : links) {
            if (one.lower != 0 && interfaces.count(one.index)) interfaces.insert(one.lower);
            if (one.master != 0 && interfaces.count(one.master)) interfaces.insert(one.index);
        }
    }
}

// Numbers of the interfaces of ours that have the session's local address, or by which its answers
// leave: an address may be that of a dummy. Also those below them, such as the port of a bridge or
// the parent of a VLAN. Where nothing can be told: all of them. Compared by index: names change.
std::vector<unsigned> numbers_of(const TcpSocket &session, const std::vector<OwnAddress> &own,
                                 const std::vector<Pins::Interface> &interfaces) {
    std::set<std::uint32_t> found{route_interface(session.local, session.remote)};
    for (const OwnAddress &one : own)
        if (one.address == session.local) found.insert(if_nametoindex(one.interface.c_str()));
    found.erase(0);  // that there is none
    add_lower(found);
    std::vector<unsigned> numbers;
    for (const Pins::Interface &one : interfaces)
        if (found.empty() || found.count(one.entry.ifindex)) numbers.push_back(one.number);
    return numbers;
}

// Such a session runs over the loopback, whatever its addresses.
bool is_of_this_host(const Address &address, const std::vector<OwnAddress> &own) {
    if (address.is_v4() ? (address.low >> 24 & 0xff) == 127 : address.high == 0 && address.low == 1)
        return true;
    return std::any_of(own.begin(), own.end(),
                       [&](const OwnAddress &one) { return one.address == address; });
}

}  // namespace

pm_reason Judgement::verdict(const pm_tuple &session) const {
    if (!image.base || !(interfaces >> session.interface & 1)) return PM_UNDECIDED;
    return static_cast<pm_reason>(
        pm_reason_of(pm_judge(image, bans, boottime_ns(), &session, PM_IN)));
}

Done guard_sessions(const std::vector<Pins::Interface> &interfaces, const Judgement &before,
                    const Judgement &after, const std::string &way_out) {
    auto sessions = ssh_sessions();
    if (!sessions) return tl::unexpected(sessions.error());

    const std::vector<OwnAddress> own = own_addresses();
    std::size_t cut = 0;
    std::string named;
    for (const TcpSocket &one : *sessions) {
        if (is_of_this_host(one.remote, own)) continue;
        for (const unsigned number : numbers_of(one, own, interfaces)) {
            pm_tuple session = {};
            session.local = one.local.abi();
            session.remote = one.remote.abi();
            session.local_port = one.local_port;
            session.remote_port = one.remote_port;
            session.protocol = PM_PROTO_TCP;
            session.interface = static_cast<std::uint8_t>(number);
            session.opener = PM_IN;
            const pm_reason reason = after.verdict(session);
            if (reason == PM_UNDECIDED || before.verdict(session) != PM_UNDECIDED) continue;
            if (cut++ < sessions_named)
                named += fmt::format("{}{} ({})", named.empty() ? "" : ", ", to_string(one.remote),
                                     reason_label(reason));
            break;
        }
    }
    if (cut == 0) return {};
    return fault(fmt::format("it would cut {} SSH session{} of this host, from {}{}", cut,
                             cut == 1 ? "" : "s", named, cut > sessions_named ? ", ..." : ""),
                 way_out, Exit::refused);
}

}  // namespace pm
