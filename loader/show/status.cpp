// SPDX-License-Identifier: Apache-2.0
// `status` as text: of each interface the matrix with its counters, and the drops.
#include <string>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/duration.h"
#include "loader/kernel/deployment.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/show/words.h"
#include "policy/base/text.h"
#include "policy/image/catalog.h"
#include "policy/model/date.h"
#include "policy/model/labels.h"

namespace pm::show {
namespace {

const char *direction_of(const RowStatus &one) {
    const bool essential = one.row.transport.empty();
    return essential ? "" : direction_name(static_cast<unsigned>(one.row.direction));
}

std::string hook_text(const InterfaceStatus &interface) {
    const auto [ingress, egress, note] = interface.attached;
    std::string text = ingress == PM_DETACHED
                           ? "ingress not attached"
                           : fmt::format("ingress xdp {}", attachment_mode(ingress));
    text += egress == PM_DETACHED ? ", egress not attached"
                                  : fmt::format(", egress {}", attachment_kind(egress));
    if (interface.drifted && !interface.absent && !interface.detached)
        text += "\n  what was attached is gone: apply again";
    if (!interface.renamed.empty())
        text += fmt::format("\n  its name is {} now: apply again", printable(interface.renamed));
    if (ingress == PM_XDP_GENERIC) text += "\n  generic XDP counts merged packets";
    return text;
}

std::string whole_rows_text(const InterfaceStatus &interface, const StatusView &view) {
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
        if (!view.row.empty() && one.row.id != view.row) continue;
        const bool any_source = one.row.source_port.empty() || one.row.source_port == "any";
        table.add({one.row.id, one.row.role, one.row.protocol, one.row.transport, direction_of(one),
                   any_source ? one.row.source : one.row.source + ":" + one.row.source_port,
                   one.row.destination, one.row.port, std::to_string(one.count.packets[PM_IN]),
                   std::to_string(one.count.bytes[PM_IN]),
                   std::to_string(one.count.packets[PM_OUT]),
                   std::to_string(one.count.bytes[PM_OUT]), std::to_string(one.live),
                   std::to_string(one.count.flows)});
    }
    return table.text(2, view.colour);
}

bool saw_something(const RowStatus &one) {
    return one.count.packets[PM_IN] || one.count.packets[PM_OUT] || one.live || one.count.flows;
}

std::string short_count(std::uint64_t count) {
    return count < 1000 ? std::to_string(count) : short_number(static_cast<double>(count));
}

// Those that saw packets, in 80 columns where their names have at most 24 characters.
std::string rows_text(const InterfaceStatus &interface, bool colour) {
    Table table({{"ROW"},
                 {"DIR"},
                 {"IN", right},
                 {"BYTES", right},
                 {"OUT", right},
                 {"BYTES", right},
                 {"LIVE", right},
                 {"FLOWS", right}});
    std::uint64_t quiet = 0;
    for (const RowStatus &one : interface.rows) {
        if (!saw_something(one)) {
            ++quiet;
            continue;
        }
        const pm_row_count &count = one.count;
        table.add({one.row.id, direction_of(one), short_count(count.packets[PM_IN]),
                   short_count(count.bytes[PM_IN]), short_count(count.packets[PM_OUT]),
                   short_count(count.bytes[PM_OUT]), short_count(one.live),
                   short_count(count.flows)});
    }
    std::string text = table.empty() ? "" : table.text(2, colour);
    if (quiet) text += fmt::format("  {} saw nothing: --all shows all\n", plural(quiet, "row"));
    return text;
}

std::string drops_text(const InterfaceStatus &interface, bool would, const StatusView &view) {
    Table table(
        {{would ? "WOULD DROP" : "DROPPED"}, {"DIR"}, {"PACKETS", right}, {"BYTES", right}});
    for (const DropStatus &one : interface.drops) {
        const auto packets = would ? one.count.would_packets : one.count.packets;
        const auto bytes = would ? one.count.would_bytes : one.count.bytes;
        if (packets)
            table.add({one.reason, direction_name(one.direction),
                       view.whole ? std::to_string(packets) : short_count(packets),
                       view.whole ? std::to_string(bytes) : short_count(bytes)});
    }
    return table.empty() ? "" : "\n" + table.text(2, view.colour);
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
    else if (one.detached)
        text += "  detached by command, and unfiltered: portmatrix apply attaches it again\n";
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

// ", applied 3h12m ago"; as a time where the view is whole, or the clock was set back.
std::string applied_text(std::uint64_t applied_at, const StatusView &view) {
    if (applied_at == 0) return "";
    if (view.whole || view.now < applied_at) return ", applied " + time_text(applied_at);
    return fmt::format(", applied {} ago", duration_text((view.now - applied_at) / 1'000'000'000));
}

// "2 rows have expired: a (2026-03-31), b (2026-04-30)"; empty: none.
std::string dated_rows(const std::vector<const CatalogRow *> &rows, const char *one,
                       const char *several) {
    constexpr std::size_t shown = 3;
    if (rows.empty()) return "";
    std::vector<std::string> names;
    for (const CatalogRow *row : rows)
        if (names.size() < shown)
            names.push_back(fmt::format("{} ({})", printable(row->id), date_text(row->expires)));
    std::string text = fmt::format("{} {}: {}", plural(rows.size(), "row"),
                                   rows.size() == 1 ? one : several, joined(names));
    if (rows.size() > shown) text += fmt::format(" and {} more", rows.size() - shown);
    return text + "\n";
}

// Rows that permit no new flow any more, and those that soon will not.
std::string dates_text(const Snapshot &snapshot) {
    constexpr std::uint64_t soon = 14 * ns_per_day;
    std::vector<const CatalogRow *> past, next;
    for (const CatalogRow &row : snapshot.in_force.catalog.rows) {
        if (has_expired(row, snapshot))
            past.push_back(&row);
        else if (row.expires && row.expires <= snapshot.utc + soon)
            next.push_back(&row);
    }
    return dated_rows(past, "has expired", "have expired") +
           dated_rows(next, "expires soon", "expire soon");
}

// Which host and when, and what is not to be overlooked.
std::string head_text(const Snapshot &snapshot, const StatusView &view) {
    if (snapshot.interfaces.empty()) return "";
    std::string text = fmt::format("{}, {}\n", printable(view.host), time_text(view.now));
    if (const std::string pending = pending_text(snapshot.in_force); !pending.empty())
        text += fmt::format("{}{}{}\n", view.colour ? "\033[1;31m" : "", printable(pending),
                            view.colour ? "\033[0m" : "");
    if (view.banned)
        text += fmt::format("{} {} banned: portmatrix bans\n", plural(view.banned, "address range"),
                            view.banned == 1 ? "is" : "are");
    return text + dates_text(snapshot) + "\n";
}

// "1 of 65536 flows live; passed 12k packets, dropped 3"
std::string sums_text(const Snapshot &snapshot, const InterfaceStatus &one) {
    std::uint64_t passed = 0, dropped = 0;
    for (const RowStatus &row : one.rows)
        passed += row.count.packets[PM_IN] + row.count.packets[PM_OUT];
    for (const DropStatus &drop : one.drops) dropped += drop.count.packets;
    return fmt::format("{} of {} live; {} {} passed, {} dropped", one.live,
                       plural(snapshot.flow_capacity, "flow"), short_count(passed),
                       passed == 1 ? "packet" : "packets", short_count(dropped));
}

}  // namespace

std::string status_text(const Snapshot &snapshot, const StatusView &view) {
    const InForce &now = snapshot.in_force;
    const std::string applied = applied_text(now.catalog.applied_at, view);
    std::string text = head_text(snapshot, view);
    for (const InterfaceStatus &one : snapshot.interfaces) {
        if (&one != &snapshot.interfaces.front()) text += "\n";
        text += now.state.epoch == 0
                    ? fmt::format("{}: no policy, mode off\n", printable(one.name))
                    : fmt::format("{}: {}, generation {}, mode {}{}\n", printable(one.name),
                                  printable(now.catalog.policy), now.catalog.generation,
                                  mode_name(one.filtered && !one.absent ? now.mode : PM_MODE_OFF),
                                  applied);
        text += nic_text(one);
        if (snapshot.policy_drifted)
            text += "  the service's policy file differs from what is in force\n";
        text += fmt::format("  {}\n  {}\n\n", hook_text(one), sums_text(snapshot, one));
        text += view.whole ? whole_rows_text(one, view) : rows_text(one, view.colour);
        text += drops_text(one, false, view) + drops_text(one, true, view);
        if (snapshot.shadow) text += shadow_text(*snapshot.shadow, one, view.colour);
    }
    return text;
}

}  // namespace pm::show
