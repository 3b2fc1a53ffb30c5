// SPDX-License-Identifier: Apache-2.0
#include "loader/show/top_model.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "loader/kernel/deployment.h"
#include "loader/observe/flow_reader.h"
#include "loader/show/show.h"
#include "loader/show/words.h"
#include "policy/base/text.h"
#include "policy/model/labels.h"
#include "policy/model/transports.h"

namespace pm::show {
namespace {

constexpr int bar_cells = 8;

// A counter that is lower than before was cleared in between.
double rate(std::uint64_t now, std::uint64_t before, double seconds) {
    if (seconds <= 0) return 0;
    return static_cast<double>(now >= before ? now - before : now) / seconds;
}

bool matches(const std::string &filter, std::initializer_list<std::string> texts) {
    return filter.empty() || std::ranges::any_of(texts, [&](const std::string &one) {
               return one.find(filter) != std::string::npos;
           });
}

// By `number`, largest first, or by name. What is equal stays in its order.
template <typename One, typename Number, typename Name>
void sort_by(std::vector<One> &list, bool by_name, bool reverse, Number number, Name name) {
    std::ranges::stable_sort(list, [&](const One &a, const One &b) {
        return by_name ? name(a) < name(b) : number(a) > number(b);
    });
    if (reverse) std::ranges::reverse(list);
}

const pm_row_count *count_of(const InterfaceStatus *interface, std::uint16_t slot) {
    if (!interface) return nullptr;
    for (const RowStatus &one : interface->rows)
        if (one.row.slot == slot) return &one.count;
    return nullptr;
}

struct SumLine {
    const FlowSum *sum;
    std::string name;
    double bytes;
};

double sum_measure(const SumLine &one, int sort) {
    const double measures[] = {one.sum->rate.bytes, one.sum->rate.packets, one.bytes,
                               static_cast<double>(one.sum->flows)};
    return measures[sort];
}

pm_drop_count drop_of(const InterfaceStatus *interface, const DropStatus &drop) {
    if (interface)
        for (const DropStatus &one : interface->drops)
            if (one.direction == drop.direction && one.reason == drop.reason) return one.count;
    return {};
}

}  // namespace

const std::vector<const char *> &sort_names(Pane pane, std::optional<SumBy> by) {
    static const std::vector<const char *> names[] = {
        {"packets/s", "bits/s", "new flows/s", "live", "id"},
        {"packets/s", "total", "reason"},
        {"bits/s", "packets/s", "bytes", "age", "peer"},
        {"bits/s", "packets/s", "bytes", "flows", "name"},
    };
    return names[pane == Pane::flows && by ? pane_count : static_cast<int>(pane)];
}

std::optional<SumBy> next_by(std::optional<SumBy> by) {
    if (!by) return SumBy::peer;
    if (*by == SumBy::row) return std::nullopt;
    return static_cast<SumBy>(static_cast<int>(*by) + 1);
}

std::string bar(double share, bool unicode) {
    constexpr const char *eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const double clamped = std::clamp(std::isfinite(share) ? share : 0.0, 0.0, 1.0);
    if (!unicode)
        return std::string(static_cast<std::size_t>(std::lround(clamped * bar_cells)), '#');
    const long steps = std::lround(clamped * bar_cells * 8);
    std::string text;
    for (long i = 0; i < steps / 8; ++i) text += "█";
    return text + eighths[steps % 8];
}

void TopModel::look(Snapshot snapshot, double seconds) {
    if (time_ != 0) {
        elapsed_ = seconds - time_;
        last_ = std::move(now_);
    }
    now_ = std::move(snapshot);
    time_ = seconds;
}

const InterfaceStatus *TopModel::last_look_at(const std::string &interface) const {
    if (last_)
        for (const InterfaceStatus &one : last_->interfaces)
            if (one.name == interface) return &one;
    return nullptr;
}

std::vector<RowRate> TopModel::rows(const TopView &view) const {
    std::vector<RowRate> rows;
    for (const InterfaceStatus &interface : now_.interfaces) {
        const InterfaceStatus *last = last_look_at(interface.name);
        for (const RowStatus &one : interface.rows) {
            if (!matches(view.filter, {one.row.id, one.row.role, one.row.protocol, interface.name}))
                continue;
            // A row that came with a new policy has counted from 0. The first look gives no rates.
            const pm_row_count *found = count_of(last, one.row.slot);
            const pm_row_count then = found ? *found : last ? pm_row_count{} : one.count;
            RowRate row;
            row.interface = interface.name;
            row.row = &one.row;
            row.packets = {rate(one.count.packets[PM_IN], then.packets[PM_IN], elapsed_),
                           rate(one.count.packets[PM_OUT], then.packets[PM_OUT], elapsed_)};
            row.bits = {8 * rate(one.count.bytes[PM_IN], then.bytes[PM_IN], elapsed_),
                        8 * rate(one.count.bytes[PM_OUT], then.bytes[PM_OUT], elapsed_)};
            row.flows = rate(one.count.flows, then.flows, elapsed_);
            row.total = one.count.packets[PM_IN] + one.count.packets[PM_OUT];
            const auto live = flows_.live.find({interface.name, one.row.slot});
            row.live = live == flows_.live.end() ? 0 : live->second;
            rows.push_back(row);
        }
    }
    const int sort = view.sort[static_cast<int>(Pane::rows)];
    sort_by(
        rows, sort == 4, view.reverse[static_cast<int>(Pane::rows)],
        [&](const RowRate &one) {
            const double keys[] = {one.packets.sum(), one.bits.sum(), one.flows,
                                   static_cast<double>(one.live), 0};
            return keys[sort];
        },
        [](const RowRate &one) { return one.row->id + " " + one.interface; });
    return rows;
}

std::vector<DropRate> TopModel::drops(const TopView &view) const {
    std::vector<DropRate> drops;
    for (const InterfaceStatus &interface : now_.interfaces) {
        const InterfaceStatus *last = last_look_at(interface.name);
        for (const DropStatus &one : interface.drops) {
            if (!matches(view.filter, {one.reason, interface.name})) continue;
            const pm_drop_count then = last ? drop_of(last, one) : one.count;
            if (one.count.packets)
                drops.push_back({.interface = interface.name,
                                 .direction = one.direction,
                                 .reason = one.reason,
                                 .would = false,
                                 .packets = rate(one.count.packets, then.packets, elapsed_),
                                 .bits = 8 * rate(one.count.bytes, then.bytes, elapsed_),
                                 .total = one.count.packets});
            if (one.count.would_packets)
                drops.push_back(
                    {.interface = interface.name,
                     .direction = one.direction,
                     .reason = one.reason,
                     .would = true,
                     .packets = rate(one.count.would_packets, then.would_packets, elapsed_),
                     .bits = 8 * rate(one.count.would_bytes, then.would_bytes, elapsed_),
                     .total = one.count.would_packets});
        }
    }
    const int sort = view.sort[static_cast<int>(Pane::drops)];
    sort_by(
        drops, sort == 2, view.reverse[static_cast<int>(Pane::drops)],
        [&](const DropRate &one) {
            return sort == 0 ? one.packets : static_cast<double>(one.total);
        },
        [](const DropRate &one) { return one.reason + " " + one.interface; });
    return drops;
}

std::string TopModel::title() const {
    const InForce &now = now_.in_force;
    std::string interfaces;
    for (const InterfaceStatus &one : now_.interfaces)
        interfaces += (interfaces.empty() ? "" : ",") + one.name;
    return printable(fmt::format("{} generation {} {}  on {}", now.catalog.policy,
                                 now.catalog.generation, mode_name(now.mode), interfaces));
}

std::string TopModel::alarm() const {
    std::string text;
    for (const InterfaceStatus &one : now_.interfaces)
        if (one.drifted) text += printable(one.name) + " is not attached: apply again.  ";
    if (const std::string pending = pending_text(now_.in_force); !pending.empty())
        text += printable(pending) + ".  ";
    if (now_.in_force.mode == PM_MODE_AUDIT) text += "Audit: nothing is dropped.";
    return text;
}

std::string TopModel::totals() const {
    Rate packets, bits;
    double dropped = 0;
    for (const RowRate &one : rows({})) {
        packets.in += one.packets.in;
        packets.out += one.packets.out;
        bits.in += one.bits.in;
        bits.out += one.bits.out;
    }
    for (const DropRate &one : drops({})) dropped += one.packets;
    return fmt::format("in {} packets/s {}bit/s  out {} packets/s {}bit/s  {} {}/s  flows {} of {}",
                       short_number(packets.in), short_number(bits.in), short_number(packets.out),
                       short_number(bits.out),
                       now_.in_force.mode == PM_MODE_AUDIT ? "would drop" : "dropped",
                       short_number(dropped), flows_.total, now_.flow_capacity);
}

Table TopModel::rows_table(const TopView &view) const {
    Table table({{"ROW"},
                 {"RATE"},
                 {"PKT/S IN", right},
                 {"OUT", right},
                 {"BIT/S IN", right},
                 {"OUT", right},
                 {"NEW/S", right},
                 {"LIVE", right},
                 {"DIR"},
                 {"PORT"},
                 {"ROLE"},
                 {"PROTOCOL"},
                 {"INTERFACE"}});
    const std::vector<RowRate> all = rows(view);
    double most = 0;
    for (const RowRate &one : all) most = std::max(most, one.packets.sum());
    for (const RowRate &one : all) {
        const bool essential = one.row->transport.empty();
        table.add({one.row->id, bar(one.packets.sum() / most, view.unicode),
                   short_number(one.packets.in), short_number(one.packets.out),
                   short_number(one.bits.in), short_number(one.bits.out), short_number(one.flows),
                   std::to_string(one.live),
                   essential ? "" : direction_name(static_cast<unsigned>(one.row->direction)),
                   one.row->port, one.row->role, one.row->protocol, one.interface});
    }
    return table;
}

Table TopModel::drops_table(const TopView &view) const {
    Table table({{now_.in_force.mode == PM_MODE_AUDIT ? "WOULD DROP" : "DROPPED"},
                 {"RATE"},
                 {"DIR"},
                 {"PKT/S", right},
                 {"BIT/S", right},
                 {"TOTAL", right},
                 {"INTERFACE"}});
    const std::vector<DropRate> all = drops(view);
    double most = 0;
    for (const DropRate &one : all) most = std::max(most, one.packets);
    for (const DropRate &one : all)
        table.add({one.reason + (one.would ? " (would)" : ""),
                   bar(one.packets / most, view.unicode), direction_name(one.direction),
                   short_number(one.packets), short_number(one.bits), std::to_string(one.total),
                   one.interface});
    return table;
}

Table TopModel::flows_table(const TopView &view) const {
    struct Line {
        const Flow *flow;
        double packets, bits, bytes;
        std::string peer;
    };
    std::vector<Line> lines;
    for (std::size_t i = 0; i < flows_.flows.size() && i < flows_.rates.size(); ++i) {
        const Flow &one = flows_.flows[i];
        const std::string peer = endpoint(Address::from(one.key.remote), flow_port(one.key, false));
        if (matches(view.filter, {peer, one.row, one.interface}))
            lines.push_back(
                {.flow = &one,
                 .packets = flows_.rates[i].packets,
                 .bits = 8 * flows_.rates[i].bytes,
                 .bytes = static_cast<double>(one.value.bytes[PM_IN] + one.value.bytes[PM_OUT]),
                 .peer = peer});
    }
    const int sort = view.sort[static_cast<int>(Pane::flows)];
    sort_by(
        lines, sort == 4, view.reverse[static_cast<int>(Pane::flows)],
        [&](const Line &one) {
            const double keys[] = {one.bits, one.packets, one.bytes,
                                   static_cast<double>(one.flow->age), 0};
            return keys[sort];
        },
        [](const Line &one) { return one.peer; });

    Table table({{"PEER"},
                 {"RATE"},
                 {"PKT/S", right},
                 {"BIT/S", right},
                 {"BYTES", right},
                 {"AGE", right},
                 {"DIR"},
                 {"PROTO"},
                 {"LOCAL"},
                 {"STATE"},
                 {"ROW"},
                 {"INTERFACE"}});
    double most = 0;
    for (const Line &one : lines) most = std::max(most, one.bits);
    for (const Line &one : lines)
        table.add({one.peer, bar(one.bits / most, view.unicode), short_number(one.packets),
                   short_number(one.bits), short_number(one.bytes),
                   fmt::format("{} s", one.flow->age), direction_name(one.flow->value.opener),
                   transport_name(one.flow->key.protocol),
                   endpoint(Address::from(one.flow->key.local), flow_port(one.flow->key, true)),
                   one.flow->state, one.flow->row, one.flow->interface});
    return table;
}

Table TopModel::sums_table(const TopView &view) const {
    constexpr int by_name = 4;
    constexpr const char *titles[] = {"PEER", "PREFIX", "PORT", "ROW"};
    constexpr int pane = static_cast<int>(Pane::flows);
    std::vector<SumLine> lines;
    for (const auto &[name, sum] : flows_.sums)
        if (const std::string text = sum_text(name); text.find(view.filter) != std::string::npos)
            lines.push_back({.sum = &sum,
                             .name = text,
                             .bytes = static_cast<double>(sum.bytes[PM_IN] + sum.bytes[PM_OUT])});
    const int sort = view.sort[pane];
    std::ranges::stable_sort(lines, [sort](const SumLine &a, const SumLine &b) {
        return sort == by_name ? a.name < b.name : sum_measure(a, sort) > sum_measure(b, sort);
    });
    if (view.reverse[pane]) std::ranges::reverse(lines);

    Table table({{titles[static_cast<int>(*flows_.by)]},
                 {"RATE"},
                 {"PKT/S", right},
                 {"BIT/S", right},
                 {"BYTES", right},
                 {"FLOWS", right}});
    double most = 0;
    for (const SumLine &one : lines) most = std::max(most, one.sum->rate.bytes);
    for (const SumLine &one : lines)
        table.add({one.name, bar(one.sum->rate.bytes / most, view.unicode),
                   short_number(one.sum->rate.packets), short_number(8 * one.sum->rate.bytes),
                   short_number(one.bytes), std::to_string(one.sum->flows)});
    return table;
}

Table TopModel::table(Pane pane, const TopView &view) const {
    switch (pane) {
        case Pane::rows:
            return rows_table(view);
        case Pane::drops:
            return drops_table(view);
        case Pane::flows:
            break;
    }
    // Until it is walked the new way, what was walked is shown.
    return flows_.by ? sums_table(view) : flows_table(view);
}

}  // namespace pm::show
