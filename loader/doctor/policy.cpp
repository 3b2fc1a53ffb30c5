// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/policy.h"

#include <algorithm>
#include <map>
#include <sstream>

#include <fmt/core.h>

#include "loader/attach/exchange.h"
#include "loader/base/file.h"
#include "loader/base/lock.h"
#include "loader/doctor/proc.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/flow_table.h"
#include "loader/kernel/program.h"
#include "policy/base/text.h"
#include "policy/image/catalog.h"
#include "policy/language/words.h"

namespace pm {
namespace {

constexpr std::uint64_t nearly_full = 90;  // per cent of a flow table

// "443,50000-59999" as ranges; parts of another form are left out.
Ports parse_ports(const std::string &text) {
    std::vector<PortRange> ranges;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        if (auto range = parse_port_range(text.substr(at, end - at))) ranges.push_back(*range);
        at = end + 1;
    }
    return merge_ports(std::move(ranges));
}

// Warns of rows that permit any destination port from source ports which the kernel may give to any
// process: that process could then send what the row was not written for.
void examine_ports(const Catalog &policy, Findings &findings) {
    unsigned first = 0, last = 0;
    std::istringstream(
        read_file("/proc/sys/net/ipv4/ip_local_port_range").value_or(std::string())) >>
        first >> last;
    const std::string reserved = read_word("/proc/sys/net/ipv4/ip_local_reserved_ports");
    if (last == 0) {
        findings.note("reserved-ports", "which ports the kernel gives to processes cannot be read");
        return;
    }
    bool fine = true;
    for (const CatalogRow &row : policy.rows) {
        if (row.direction != Direction::out || row.port != "any" || row.source_port.empty() ||
            row.source_port == "any")
            continue;
        const std::string open = unreserved_ports(row.source_port, reserved, first, last);
        if (open.empty()) continue;
        fine = false;
        findings.warning("reserved-ports",
                         fmt::format("row '{}' permits any port from source ports {}: any process "
                                     "may be given one of them by chance",
                                     row.id, open),
                         fmt::format("sysctl -w net.ipv4.ip_local_reserved_ports={}{}{}", reserved,
                                     reserved.empty() ? "" : ",", open));
    }
    if (fine) findings.fine("reserved-ports", "no row lets out what a process may send by chance");
}

void examine_watch(const Paths &paths, Findings &findings) {
    if (Lock::is_watched(paths))
        findings.fine("watch", "watch runs");
    else
        findings.warning("watch", "watch does not run: what others remove stays removed",
                         "systemctl start portmatrix");
}

void examine_state(const InForce &now, Findings &findings) {
    const Catalog &policy = now.catalog;
    if (now.mode == PM_MODE_OFF) {
        findings.warning("mode", "no policy is in force: nothing is filtered",
                         "portmatrix apply POLICY");
        return;
    }
    const std::string text = fmt::format("{}, generation {}", policy.policy, policy.generation);
    if (now.mode == PM_MODE_AUDIT)
        findings.warning("mode", text + ", in audit mode: nothing is dropped",
                         "portmatrix apply --mode enforce");
    else
        findings.fine("mode", text + ", enforced");
    if (now.seconds_left)
        findings.warning("confirm",
                         fmt::format("not confirmed: it is rolled back in {} s", *now.seconds_left),
                         "portmatrix confirm");
}

// Each table by itself: one may be full while the largest has room.
void examine_flows(const Pins &pins, Findings &findings) {
    static const std::map<std::string, const char *> flows_of = {
        {"outside", "that others opened"},
        {"opening", "that this host opened, not answered yet,"},
        {"assured", "that are established or answered"}};
    auto tables = flow_table_use(pins);
    if (!tables) {
        findings.wrong("flows", tables.error().message, tables.error().hint);
        return;
    }
    for (const FlowTableUse &one : *tables) {
        const std::string text = fmt::format("{} flows {} are live, of {} at most", one.live,
                                             flows_of.at(one.table), one.room);
        if (one.live * 100 > one.room * nearly_full)
            findings.warning(
                "flows", text + ": the idlest make room for new ones",
                "raise flow-capacity in the policy; it takes effect after detach --all");
        else
            findings.fine("flows", text);
    }
}

}  // namespace

std::string unreserved_ports(const std::string &ports, const std::string &reserved, unsigned first,
                             unsigned last) {
    const Ports kept = parse_ports(reserved);
    std::vector<PortRange> open;
    for (const PortRange &range : parse_ports(ports)) {
        unsigned from = std::max<unsigned>(range.first, first);
        const unsigned to = std::min<unsigned>(range.last, last);
        for (const PortRange &one : kept) {
            if (one.last < from || one.first > to) continue;
            if (one.first > from)
                open.push_back(
                    {static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(one.first - 1)});
            from = one.last + 1u;
        }
        if (from <= to)
            open.push_back({static_cast<std::uint16_t>(from), static_cast<std::uint16_t>(to)});
    }
    return open.empty() ? "" : to_string(merge_ports(std::move(open)));
}

void examine_nics(const Snapshot &snapshot, Findings &findings) {
    for (const InterfaceStatus &one : snapshot.interfaces) {
        findings.about(one.name);
        if (one.address_confirmed != one.address_now)
            findings.warning("address",
                             fmt::format("it has another hardware address than when it was "
                                         "confirmed: {}, not {}",
                                         one.address_now, one.address_confirmed),
                             "if that is right: portmatrix apply, which takes it over");
        if (one.closed)
            findings.warning(
                "closed", fmt::format("only essentials and failsafe rows pass: {}", one.why_closed),
                "if it is no interface of the policy: portmatrix apply, which opens "
                "it");
        if (one.should_be_closed())
            findings.wrong("closed",
                           fmt::format("it is open, and should not be: {}", one.why_closed),
                           "let the service run, or portmatrix restore: it is closed then");
        if (one.detached)
            findings.warning("attachment", "it was detached by command, and is unfiltered",
                             "portmatrix apply attaches it again");
        else if (one.number == PM_INTERFACES && !one.closed)
            findings.wrong("attachment", "it is an interface of the policy, and not attached",
                           "portmatrix restore says why");
    }
    findings.about("");
}

void examine_policy(const Paths &paths, const Pins &pins, const Snapshot *snapshot,
                    Findings &findings) {
    if (auto other = is_other_build(pins); other && *other)
        findings.note("build", "the programs are those of another build",
                      "portmatrix apply puts this one's in their place");
    examine_watch(paths, findings);
    if (!snapshot) return;
    examine_state(snapshot->in_force, findings);
    if (snapshot->policy_drifted)
        findings.warning("policy-file", "the service's policy file differs from what is in force",
                         "see portmatrix diff; then systemctl reload portmatrix");
    examine_ports(snapshot->in_force.catalog, findings);
    examine_flows(pins, findings);
}

}  // namespace pm
