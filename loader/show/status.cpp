// SPDX-License-Identifier: Apache-2.0
// `status` as text: of each interface the matrix with its counters, and the drops.
#include <string>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/kernel/deployment.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/show/words.h"
#include "policy/base/text.h"
#include "policy/image/catalog.h"
#include "policy/model/labels.h"

namespace pm::show {
namespace {

std::string hook_text(const InterfaceStatus &interface) {
    const auto [ingress, egress, note] = interface.attached;
    std::string text = ingress == PM_DETACHED
                           ? "ingress not attached"
                           : fmt::format("ingress xdp {}", attachment_mode(ingress));
    text += egress == PM_DETACHED ? ", egress not attached"
                                  : fmt::format(", egress {}", attachment_kind(egress));
    if (ingress == PM_XDP_GENERIC) text += " (generic XDP counts merged packets)";
    if (interface.drifted && !interface.absent) text += "; what was attached is gone: apply again";
    if (!interface.renamed.empty())
        text += fmt::format("; its name is {} now: apply again", printable(interface.renamed));
    return text;
}

std::string rows_text(const InterfaceStatus &interface, bool colour) {
    Table table({{"ROW"},
                 {"ROLE"},
                 {"PROTOCOL"},
                 {"TRANSPORT"},
                 {"DIR"},
                 {"SOURCE"},
                 {"DESTINATION"},
                 {"PORT"},
                 {"PACKETS IN", right},
                 {"BYTES IN", right},
                 {"PACKETS OUT", right},
                 {"BYTES OUT", right},
                 {"LIVE", right},
                 {"FLOWS", right}});
    for (const RowStatus &one : interface.rows) {
        const bool essential = one.row.transport.empty();
        const bool any_source = one.row.source_port.empty() || one.row.source_port == "any";
        table.add({one.row.id, one.row.role, one.row.protocol, one.row.transport,
                   essential ? "" : direction_name(static_cast<unsigned>(one.row.direction)),
                   any_source ? one.row.source : one.row.source + ":" + one.row.source_port,
                   one.row.destination, one.row.port, std::to_string(one.count.packets[PM_IN]),
                   std::to_string(one.count.bytes[PM_IN]),
                   std::to_string(one.count.packets[PM_OUT]),
                   std::to_string(one.count.bytes[PM_OUT]), std::to_string(one.live),
                   std::to_string(one.count.flows)});
    }
    return table.text(2, colour);
}

std::string drops_text(const InterfaceStatus &interface, bool would, bool colour) {
    Table table(
        {{would ? "WOULD DROP" : "DROPPED"}, {"DIR"}, {"PACKETS", right}, {"BYTES", right}});
    for (const DropStatus &one : interface.drops) {
        const auto packets = would ? one.count.would_packets : one.count.packets;
        const auto bytes = would ? one.count.would_bytes : one.count.bytes;
        if (packets)
            table.add({one.reason, direction_name(one.direction), std::to_string(packets),
                       std::to_string(bytes)});
    }
    return table.empty() ? "" : "\n" + table.text(2, colour);
}

std::string shadow_text(const Catalog &policy, const InterfaceStatus &interface, bool colour) {
    std::string text = fmt::format("\n  shadow: {} is judged beside\n", printable(policy.policy));
    Table table({{"SHADOW WOULD"}, {"ROW"}, {"DIR"}, {"PACKETS", right}, {"BYTES", right}});
    for (const ShadowStatus &one : interface.shadow)
        table.add({one.reason ? fmt::format("drop ({})", one.reason) : "pass", one.row,
                   direction_name(one.direction), std::to_string(one.count.packets),
                   std::to_string(one.count.bytes)});
    return table.empty() ? text + "  it has judged nothing otherwise\n"
                         : text + table.text(2, colour);
}

// What is told of a NIC that is not as it was confirmed, a line each.
std::string nic_text(const InterfaceStatus &one) {
    std::string text;
    if (one.confirmed != 0)
        text += fmt::format(
            "  generation {} was confirmed for it, and is not in force: portmatrix "
            "restore\n",
            one.confirmed);
    else if (one.absent)
        text += "  absent: no device is it now; it is filtered as soon as it is there\n";
    else if (!one.filtered)
        text += "  the policy in force does not filter it\n";
    if (one.address_confirmed != one.address_now)
        text += fmt::format("  another hardware address than when it was confirmed: {}, not {}\n",
                            one.address_now, one.address_confirmed);
    if (one.closed) text += "  closed: only essentials and failsafe rows pass until an apply\n";
    if (one.should_be_closed()) text += "  open, and to be closed: portmatrix restore\n";
    if (!one.why_closed.empty()) text += fmt::format("    {}\n", printable(one.why_closed));
    return text;
}

}  // namespace

std::string status_text(const Snapshot &snapshot, bool colour) {
    const InForce &now = snapshot.in_force;
    const std::string applied =
        now.catalog.applied_at ? ", applied " + time_text(now.catalog.applied_at) : "";
    std::string text;
    for (const InterfaceStatus &one : snapshot.interfaces) {
        if (!text.empty()) text += "\n";
        text += now.state.epoch == 0
                    ? fmt::format("{}: no policy, mode off\n", printable(one.name))
                    : fmt::format("{}: {}, generation {}, mode {}{}\n", printable(one.name),
                                  printable(now.catalog.policy), now.catalog.generation,
                                  mode_name(one.filtered && !one.absent ? now.mode : PM_MODE_OFF),
                                  applied);
        text += nic_text(one);
        if (snapshot.policy_drifted)
            text += "  the service's policy file differs from what is in force\n";
        if (now.seconds_left)
            text += fmt::format("  unconfirmed: rolled back in {} s\n", *now.seconds_left);
        text += fmt::format("  {}\n  {} of {} live\n\n", hook_text(one), one.live,
                            plural(snapshot.flow_capacity, "flow"));
        text +=
            rows_text(one, colour) + drops_text(one, false, colour) + drops_text(one, true, colour);
        if (snapshot.shadow) text += shadow_text(*snapshot.shadow, one, colour);
    }
    return text;
}

}  // namespace pm::show
