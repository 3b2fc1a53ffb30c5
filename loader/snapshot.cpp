// SPDX-License-Identifier: Apache-2.0
#include "loader/snapshot.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/core.h>

#include "policy/judge.h"

namespace pm {
namespace {

constexpr const char *flow_tables[] = {"outside", "opening", "assured"};

std::uint32_t stamp_now() {
    return static_cast<std::uint32_t>(jiffies_now() >> PM_STAMP_SHIFT);
}

// Seconds from `stamp` to `now`; ours is derived, so it may lie a little behind.
std::uint64_t seconds_since(std::uint32_t stamp, std::uint32_t now) {
    const auto stamps = static_cast<std::int32_t>(now - stamp);
    return stamps < 0 ? 0 : (static_cast<std::uint64_t>(stamps) << PM_STAMP_SHIFT) / kernel_hz();
}

bool is_live(const pm_flow_key &key, const pm_flow &flow, std::uint32_t now) {
    return !flow.moved && !(flow.marks & PM_FLOW_CUT) &&
           seconds_since(flow.last, now) <= pm_idle_seconds(&flow, key.protocol);
}

// visit(key, value) for each live flow.
template <class Visit>
Done each_live(const Pins &pins, Visit visit) {
    const std::uint32_t now = stamp_now();
    for (const char *table : flow_tables) {
        auto map = Map<pm_flow_key, pm_flow>::of(pins.maps(), table);
        if (!map) return tl::unexpected(map.error());
        auto walked = map->each([&](const pm_flow_key &key, const pm_flow &flow) {
            if (is_live(key, flow, now)) visit(key, flow);
        });
        if (!walked) return walked;
    }
    return {};
}

const char *state_of(const pm_flow_key &key, const pm_flow &flow) {
    if (key.protocol == PM_PROTO_TCP) {
        if (flow.marks & PM_FLOW_RESET) return "reset";
        if (flow.marks & (PM_FLOW_FIN_IN | PM_FLOW_FIN_OUT)) return "closing";
        return flow.marks & PM_FLOW_ESTABLISHED ? "established" : "opening";
    }
    return flow.marks & PM_FLOW_ANSWERED ? "answered" : "unanswered";
}

// Live flows by interface number and counter slot.
using LiveFlows = std::map<std::pair<unsigned, unsigned>, std::uint64_t>;

Result<InterfaceStatus> read_interface(const Pins &pins, const Pins::Interface &interface,
                                       const Catalog &catalog, const LiveFlows &live) {
    InterfaceStatus status;
    status.name = interface.name();
    status.attached = attached_now(pins, interface);
    status.drifted = status.attached.ingress != interface.entry.ingress ||
                     status.attached.egress != interface.entry.egress;

    auto rows = open_pin(pins.path(interface.number, "rows"));
    if (!rows) return tl::unexpected(rows.error());
    auto counters = CounterArray<pm_row_count>::of(rows->get(), "rows");
    if (!counters) return tl::unexpected(counters.error());
    auto add = [&](const CatalogRow &row, const char *section) -> Done {
        auto count = counters->get(row.slot);
        if (!count) return tl::unexpected(count.error());
        auto found = live.find({interface.number, row.slot});
        status.rows.push_back({row, section, *count, found == live.end() ? 0 : found->second});
        return {};
    };
    for (const CatalogRow &row : catalog.rows)
        if (auto added = add(row, row.failsafe ? "failsafe" : "matrix"); !added)
            return tl::unexpected(added.error());
    for (unsigned id = 0; essential_id(id); id++) {
        CatalogRow row;
        row.id = essential_id(id);
        row.slot = static_cast<std::uint16_t>(id);
        if (auto added = add(row, "essential"); !added) return tl::unexpected(added.error());
    }
    for (const auto &[key, count] : live)
        if (key.first == interface.number) status.live += count;

    auto drops = CounterArray<pm_drop_count>::of(pins.maps().fd("drops"), "drops");
    if (!drops) return tl::unexpected(drops.error());
    for (const pm_direction direction : {PM_IN, PM_OUT}) {
        for (unsigned reason = 1; reason < PM_REASON_SLOTS; reason++) {
            const char *label = reason_label(static_cast<pm_reason>(reason));
            if (!label) continue;
            auto count = drops->get(pm_drop_index(interface.number, direction, reason));
            if (!count) return tl::unexpected(count.error());
            if (count->packets || count->would_packets)
                status.drops.push_back({direction, label, *count});
        }
    }
    return status;
}

}  // namespace

Result<InForce> read_in_force(const Switch &control) {
    for (int attempt = 0; attempt < 10; attempt++) {
        const Switch::State state = control.state();
        InForce result;
        result.epoch = state.epoch;
        result.record = state.record;
        result.mode = static_cast<pm_mode>(state.record.mode);
        if (state.record.deadline != 0)
            result.seconds_left = (state.record.deadline - boottime_ns()) / 1'000'000'000;
        if (state.epoch == 0) return result;

        auto catalog = read_catalog(control.image(state.record.image));
        // Only what was in force all the while counts: its slot is not rewritten.
        if (control.state().epoch != state.epoch) continue;
        if (!catalog)
            return fault(fmt::format("cannot read the policy in force: {}", catalog.error()));
        result.catalog = std::move(*catalog);
        return result;
    }
    return fault("the policy changes faster than it can be read", "try again");
}

Result<std::vector<Pins::Interface>> select_interfaces(const Pins &pins,
                                                       const std::vector<std::string> &names) {
    auto all = pins.interfaces();
    if (!all || names.empty()) return all;
    std::vector<Pins::Interface> result;
    for (const std::string &name : names) {
        auto found = std::find_if(all->begin(), all->end(),
                                  [&](const auto &one) { return one.name() == name; });
        if (found == all->end())
            return fault(fmt::format("nothing is attached to '{}'", name),
                         "see 'portmatrix status' for what is attached", Exit::usage);
        result.push_back(*found);
    }
    return result;
}

Result<Snapshot> read_snapshot(const Pins &pins, const std::vector<std::string> &names) {
    auto selected = select_interfaces(pins, names);
    if (!selected) return tl::unexpected(selected.error());
    auto control = Switch::open(pins.maps(), Switch::Access::read);
    if (!control) return tl::unexpected(control.error());
    auto in_force = read_in_force(*control);
    if (!in_force) return tl::unexpected(in_force.error());

    Snapshot snapshot;
    snapshot.in_force = std::move(*in_force);
    for (const char *table : flow_tables) {
        auto info = map_info(pins.maps().fd(table), table);
        if (!info) return tl::unexpected(info.error());
        snapshot.flow_capacity += info->max_entries;
    }
    LiveFlows live;
    auto walked = each_live(pins, [&](const pm_flow_key &key, const pm_flow &flow) {
        live[{key.interface, flow.row}]++;
    });
    if (!walked) return tl::unexpected(walked.error());
    for (const Pins::Interface &interface : *selected) {
        auto status = read_interface(pins, interface, snapshot.in_force.catalog, live);
        if (!status) return tl::unexpected(status.error());
        snapshot.interfaces.push_back(std::move(*status));
    }
    return snapshot;
}

Result<std::vector<Flow>> read_flows(const Pins &pins, const std::vector<std::string> &names) {
    auto selected = select_interfaces(pins, names);
    if (!selected) return tl::unexpected(selected.error());
    auto control = Switch::open(pins.maps(), Switch::Access::read);
    if (!control) return tl::unexpected(control.error());
    auto in_force = read_in_force(*control);
    if (!in_force) return tl::unexpected(in_force.error());

    std::map<unsigned, std::string> interfaces, rows;
    for (const Pins::Interface &one : *selected) interfaces[one.number] = one.name();
    for (const CatalogRow &row : in_force->catalog.rows) rows[row.slot] = row.id;
    for (unsigned id = 0; essential_id(id); id++) rows[id] = essential_id(id);

    const std::uint32_t now = stamp_now();
    std::vector<Flow> flows;
    auto walked = each_live(pins, [&](const pm_flow_key &key, const pm_flow &flow) {
        auto interface = interfaces.find(key.interface);
        if (interface == interfaces.end()) return;
        auto row = rows.find(flow.row);
        flows.push_back({interface->second, row == rows.end() ? "" : row->second, key, flow,
                         state_of(key, flow), seconds_since(flow.start, now),
                         seconds_since(flow.last, now)});
    });
    if (!walked) return tl::unexpected(walked.error());
    return flows;
}

const char *essential_id(unsigned id) {
    switch (id) {
#define PM_ESSENTIAL(number, name, label, meaning) \
    case number:                                   \
        return label;
#include "maps/essentials.def"
#undef PM_ESSENTIAL
    }
    return nullptr;
}

const char *reason_meaning(pm_reason reason) {
    switch (static_cast<unsigned>(reason)) {
#define PM_REASON(number, name, label, meaning) \
    case number:                                \
        return meaning;
#include "maps/reasons.def"
#undef PM_REASON
    }
    return "unknown to this version";
}

const char *mode_name(pm_mode mode) {
    switch (mode) {
        case PM_MODE_OFF:
            return "off";
        case PM_MODE_AUDIT:
            return "audit";
        case PM_MODE_ENFORCE:
            return "enforce";
    }
    return "off";
}

}  // namespace pm
