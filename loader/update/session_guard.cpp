// SPDX-License-Identifier: Apache-2.0
#include "loader/update/session_guard.h"

#include <net/if.h>
#include <netinet/in.h>
#include <pwd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "loader/host/netlink.h"
#include "loader/host/own_addresses.h"
#include "loader/host/ssh_sessions.h"
#include "loader/host/tunnels.h"
#include "policy/judge/moment.h"

namespace pm {
namespace {

constexpr int deepest = 4;                  // tunnels inside tunnels
constexpr std::uint16_t some_port = 49152;  // one that a tunnel may send from

struct HostNetwork {
    std::vector<OwnAddress> own;
    std::vector<Link> links;
    std::vector<Tunnel> tunnels;
};

Result<HostNetwork> read_host_network() {
    auto own = own_addresses();
    if (!own) return tl::unexpected(own.error());
    auto links = all_links();
    if (!links) return tl::unexpected(links.error());
    auto all_tunnels = tunnels();
    if (!all_tunnels) return tl::unexpected(all_tunnels.error());
    return HostNetwork{
        .own = std::move(*own), .links = std::move(*links), .tunnels = std::move(*all_tunnels)};
}

// Whoever cannot look must not say that nothing is cut.
tl::unexpected<Fault> cannot_look(Fault why) {
    why.message = "whether it would cut an SSH session cannot be told: " + why.message;
    if (why.hint.empty()) why.hint = "try again, or take the risk with --force";
    return tl::unexpected(std::move(why));
}

// Adds the interfaces that these stand on, down to the lowest. All are indexes. A tunnel stands on
// nothing: what is below it sees other packets.
void add_lower(const HostNetwork &host, std::set<std::uint32_t> &interfaces) {
    const auto is_tunnel = [&](const Link &one) {
        return std::ranges::find(host.tunnels, one.index, &Tunnel::index) != host.tunnels.end();
    };
    for (std::size_t before = 0; before != interfaces.size();) {
        before = interfaces.size();
        for (const Link &one : host.links) {
            if (one.lower != 0 && interfaces.contains(one.index) && !is_tunnel(one))
                interfaces.insert(one.lower);
            if (one.master != 0 && interfaces.contains(one.master)) interfaces.insert(one.index);
        }
    }
}

// A session from such an address runs over the loopback, whichever addresses it has.
bool is_of_this_host(const Address &address, const std::vector<OwnAddress> &own) {
    if (address.is_v4() ? (address.low >> 24 & 0xff) == 127 : address.high == 0 && address.low == 1)
        return true;
    return std::ranges::find(own, address, &OwnAddress::address) != own.end();
}

// A flow, and by which sides it may have been opened. It passes if it does by one of them.
struct GuardedFlow {
    pm_flow_key key = {};
    std::vector<pm_direction> openers;
};

GuardedFlow guarded_flow(const Address &local, const Address &remote, std::uint8_t protocol) {
    GuardedFlow flow;
    flow.key.local = local.abi();
    flow.key.remote = remote.abi();
    flow.key.protocol = protocol;
    flow.openers = {PM_IN, PM_OUT};
    return flow;
}

// What the packets of a tunnel are wrapped in. Where it has ports, each side sends to this port
// from another one, so that each direction is a flow of its own.
std::vector<GuardedFlow> flows_of(const Tunnel::Outer &outer, const Address &local,
                                  const Address &wrapped) {
    const auto payload = static_cast<std::uint8_t>(wrapped.is_v4() ? IPPROTO_IPIP : IPPROTO_IPV6);
    GuardedFlow flow = guarded_flow(local, outer.remote, outer.protocol.value_or(payload));
    if (outer.port == 0) return {flow};
    GuardedFlow in = flow, out = flow;
    in.openers = {PM_IN};
    in.key.local_port = out.key.remote_port = outer.port;
    out.openers = {PM_OUT};
    in.key.remote_port = out.key.local_port = some_port;
    return {in, out};
}

class Guard {
public:
    Guard(const std::vector<Pins::Interface> &interfaces, const HostNetwork &host,
          const SessionJudge &before, const SessionJudge &after)
        : interfaces_(interfaces), host_(host), before_(before), after_(after) {}

    Done look(const SshSession &session, SessionCuts &found) const {
        GuardedFlow flow = guarded_flow(session.socket.local, session.socket.remote, IPPROTO_TCP);
        flow.key.local_port = session.socket.local_port;
        flow.key.remote_port = session.socket.remote_port;
        flow.openers = {PM_IN};
        CutSession cut;
        cut.peer = session.socket.remote;
        cut.is_told = session.is_told;
        if (auto done = follow({flow}, "", 0, cut, found.unknown); !done) return done;
        if (!cut.dropped.empty()) {
            for (const std::uint32_t user : session.users) cut.users.push_back(user_name(user));
            found.cut.push_back(std::move(cut));
        }
        return {};
    }

private:
    static std::string user_name(std::uint32_t user) {
        const passwd *entry = getpwuid(user);
        return entry ? entry->pw_name : std::to_string(user);
    }

    // Judges flows between the same addresses, and those of the tunnels that they go by.
    Done follow(const std::vector<GuardedFlow> &flows, const std::string &tunnel, int depth,
                CutSession &cut, std::vector<UnknownTunnel> &unknown) const {
        const Address local = Address::from(flows[0].key.local);
        const Address remote = Address::from(flows[0].key.remote);
        auto direct = devices_of(local, remote);
        if (!direct) return tl::unexpected(direct.error());
        std::set<std::uint32_t> all = *direct;
        add_lower(host_, all);
        for (const GuardedFlow &one : flows) judge(one, all, tunnel, cut);
        for (const Tunnel &one : host_.tunnels) {
            if (!all.contains(one.index) || depth == deepest) continue;
            const auto from = one.outer && !one.outer->local ? source_towards(one.outer->remote)
                              : one.outer                    ? one.outer->local
                                                             : std::nullopt;
            if (!from) {
                if (!is_port(one.index)) add_unknown({cut.peer, one.name, one.kind}, unknown);
                continue;
            }
            auto done =
                follow(flows_of(*one.outer, *from, remote), one.name, depth + 1, cut, unknown);
            if (!done) return done;
        }
        return {};
    }

    // 1 and 2 of the header, as indexes. Compared by index, as names change.
    Result<std::set<std::uint32_t>> devices_of(const Address &local, const Address &remote) const {
        auto route = route_interface(local, remote);
        if (!route) return tl::unexpected(route.error());
        std::set<std::uint32_t> found{*route};
        for (const OwnAddress &one : host_.own)
            if (one.address == local) found.insert(if_nametoindex(one.interface.c_str()));
        found.erase(0);  // not found
        return found;
    }

    void judge(const GuardedFlow &flow, const std::set<std::uint32_t> &devices,
               const std::string &tunnel, CutSession &cut) const {
        for (const Pins::Interface &one : interfaces_) {
            if (one.entry.ifindex == 0 ||
                (!devices.empty() && !devices.contains(one.entry.ifindex)))
                continue;
            pm_flow_key key = flow.key;
            key.interface = static_cast<std::uint8_t>(one.number);
            const auto passes = [&](const SessionJudge &by) {
                return std::ranges::any_of(flow.openers, [&](pm_direction opener) {
                    return by.verdict(key, opener) == PM_UNDECIDED;
                });
            };
            if (!passes(before_) || passes(after_)) continue;
            const pm_direction opener = flow.openers[0];
            cut.dropped.push_back(
                {.first = to_question(key, opener == PM_IN ? Direction::in : Direction::out),
                 .interface = one.name(),
                 .reason = after_.verdict(key, opener),
                 .tunnel = tunnel});
            return;
        }
    }

    bool is_port(std::uint32_t index) const {
        const auto found = std::ranges::find(host_.links, index, &Link::index);
        return found != host_.links.end() && found->master != 0;
    }

    static void add_unknown(const UnknownTunnel &tunnel, std::vector<UnknownTunnel> &unknown) {
        if (std::ranges::find(unknown, tunnel) == unknown.end()) unknown.push_back(tunnel);
    }

    const std::vector<Pins::Interface> &interfaces_;
    const HostNetwork &host_;
    const SessionJudge &before_, &after_;
};

}  // namespace

pm_reason SessionJudge::verdict(const pm_flow_key &flow, pm_direction opener) const {
    if (!image.base || !(interfaces >> flow.interface & 1)) return PM_UNDECIDED;
    pm_moment when = present(image);
    when.begun = 0;  // a session goes on whatever the date of its row
    return static_cast<pm_reason>(pm_reason_of(pm_judge(image, bans, when, &flow, opener, opener)));
}

Result<SessionCuts> session_cuts(const std::vector<Pins::Interface> &interfaces,
                                 const SessionJudge &before, const SessionJudge &after) {
    auto sessions = ssh_sessions();
    if (!sessions) return cannot_look(sessions.error());
    auto host = read_host_network();
    if (!host) return cannot_look(host.error());
    const Guard guard(interfaces, *host, before, after);
    SessionCuts found;
    for (const SshSession &one : *sessions) {
        if (is_of_this_host(one.socket.remote, host->own)) continue;
        if (auto done = guard.look(one, found); !done) return cannot_look(done.error());
    }
    return found;
}

}  // namespace pm
