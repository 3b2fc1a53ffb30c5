// SPDX-License-Identifier: Apache-2.0
#include "loader/update/session_guard.h"

#include <net/if.h>

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "loader/host/netlink.h"
#include "loader/host/own_addresses.h"
#include "loader/host/ssh_sessions.h"
#include "policy/judge/moment.h"
#include "policy/model/labels.h"

namespace pm {
namespace {

constexpr std::size_t sessions_named = 3;

struct HostNetwork {
    std::vector<OwnAddress> own;
    std::vector<Link> links;
};

Result<HostNetwork> read_host_network() {
    auto own = own_addresses();
    if (!own) return tl::unexpected(own.error());
    auto links = all_links();
    if (!links) return tl::unexpected(links.error());
    return HostNetwork{.own = std::move(*own), .links = std::move(*links)};
}

// Whoever cannot look must not say that nothing is cut.
tl::unexpected<Fault> cannot_look(Fault why) {
    why.message = "whether it would cut an SSH session cannot be told: " + why.message;
    if (why.hint.empty()) why.hint = "try again, or take the risk with --force";
    return tl::unexpected(std::move(why));
}

// Adds the interfaces that these stand on, down to the lowest. All are indexes.
void add_lower(const std::vector<Link> &links, std::set<std::uint32_t> &interfaces) {
    for (std::size_t before = 0; before != interfaces.size();) {
        before = interfaces.size();
        for (const Link &one : links) {
            if (one.lower != 0 && interfaces.contains(one.index)) interfaces.insert(one.lower);
            if (one.master != 0 && interfaces.contains(one.master)) interfaces.insert(one.index);
        }
    }
}

// Numbers of the interfaces of ours that the session's packets may come by: see the header.
// Compared by index, as names change.
Result<std::vector<unsigned>> interfaces_of(const TcpSocket &session, const HostNetwork &host,
                                            const std::vector<Pins::Interface> &interfaces) {
    auto route = route_interface(session.local, session.remote);
    if (!route) return tl::unexpected(route.error());
    std::set<std::uint32_t> found{*route};
    for (const OwnAddress &one : host.own)
        if (one.address == session.local) found.insert(if_nametoindex(one.interface.c_str()));
    found.erase(0);  // not found
    add_lower(host.links, found);
    std::vector<unsigned> numbers;
    for (const Pins::Interface &one : interfaces)
        if (one.entry.ifindex != 0 && (found.empty() || found.contains(one.entry.ifindex)))
            numbers.push_back(one.number);
    return numbers;
}

// A session from such an address runs over the loopback, whichever addresses it has.
bool is_of_this_host(const Address &address, const std::vector<OwnAddress> &own) {
    if (address.is_v4() ? (address.low >> 24 & 0xff) == 127 : address.high == 0 && address.low == 1)
        return true;
    return std::ranges::find(own, address, &OwnAddress::address) != own.end();
}

}  // namespace

pm_reason SessionJudge::verdict(const pm_flow_key &session) const {
    if (!image.base || !(interfaces >> session.interface & 1)) return PM_UNDECIDED;
    pm_moment when = present(image);
    when.begun = 0;  // a session goes on whatever the date of its row
    return static_cast<pm_reason>(
        pm_reason_of(pm_judge(image, bans, when, &session, PM_IN, PM_IN)));
}

Done guard_sessions(const std::vector<Pins::Interface> &interfaces, const SessionJudge &before,
                    const SessionJudge &after, const std::string &hint) {
    auto sessions = ssh_sessions();
    if (!sessions) return cannot_look(sessions.error());
    auto host = read_host_network();
    if (!host) return cannot_look(host.error());
    std::size_t cut = 0;
    std::string named;
    for (const TcpSocket &one : *sessions) {
        if (is_of_this_host(one.remote, host->own)) continue;
        auto numbers = interfaces_of(one, *host, interfaces);
        if (!numbers) return cannot_look(numbers.error());
        for (const unsigned number : *numbers) {
            pm_flow_key session = {};
            session.local = one.local.abi();
            session.remote = one.remote.abi();
            session.local_port = one.local_port;
            session.remote_port = one.remote_port;
            session.protocol = PM_PROTO_TCP;
            session.interface = static_cast<std::uint8_t>(number);
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
                 hint, Exit::refused);
}

}  // namespace pm
