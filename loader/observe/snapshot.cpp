// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/snapshot.h"

#include <algorithm>

#include "loader/attach/targets.h"
#include "loader/base/clock.h"
#include "loader/kernel/flow_table.h"
#include "loader/kernel/switch.h"
#include "policy/image/catalog.h"
#include "policy/image/locals.h"
#include "policy/model/labels.h"

namespace pm {
namespace {

Attached attached_as_noted(const Pins::Interface &interface) {
    return {static_cast<pm_attachment>(interface.entry.ingress),
            static_cast<pm_attachment>(interface.entry.egress),
            {}};
}

Result<InterfaceStatus> read_interface(const Pins &pins, const Pins::Interface &interface,
                                       const Attached &attached, const Catalog &catalog,
                                       const FlowCounts &live) {
    InterfaceStatus status;
    status.name = interface.name();
    status.number = interface.number;
    status.attached = attached;
    status.absent = interface.entry.ifindex == 0;
    status.drifted =
        status.attached.ingress == PM_DETACHED || status.attached.egress == PM_DETACHED;
    status.checked = interface.entry.checked;

    auto rows = pins.rows(interface.number);
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
    for (unsigned id = 0; essential_id(id); ++id) {
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
        for (unsigned reason = 1; reason < PM_REASON_SLOTS; ++reason) {
            const char *label = reason_label(static_cast<pm_reason>(reason));
            if (!label) continue;
            auto count = drops->get(pm_drop_index(interface.number, direction, reason));
            if (!count) return tl::unexpected(count.error());
            status.drops.push_back({direction, label, *count});
        }
    }
    return status;
}

// The counts of all CPUs together.
pm_shadow_count shadow_count(int fd, const pm_shadow_key &key, std::size_t cpus) {
    std::vector<pm_shadow_count> all(cpus);
    pm_shadow_count sum = {};
    if (bpf_map_lookup_elem(fd, &key, all.data()) != 0) return sum;
    for (const pm_shadow_count &one : all) {
        sum.packets += one.packets;
        sum.bytes += one.bytes;
    }
    return sum;
}

std::string row_id(const Catalog &catalog, std::uint16_t slot) {
    for (const CatalogRow &row : catalog.rows)
        if (row.slot == slot) return row.id;
    const char *essential = essential_id(slot);
    return essential ? essential : "";
}

Done read_shadow(const Pins &pins, const Snapshot &snapshot, unsigned number,
                 std::vector<ShadowStatus> &shadow) {
    const int fd = pins.maps().fd("shadows"), cpus = libbpf_num_possible_cpus();
    auto walked = each_key<pm_shadow_key>(fd, [&](const pm_shadow_key &key) {
        if (cpus <= 0 || key.interface != number) return;
        const Catalog &catalog = key.reason ? snapshot.in_force.catalog : *snapshot.shadow;
        shadow.push_back({static_cast<pm_direction>(key.direction), row_id(catalog, key.row),
                          key.reason ? reason_label(static_cast<pm_reason>(key.reason)) : nullptr,
                          shadow_count(fd, key, static_cast<std::size_t>(cpus))});
    });
    std::sort(shadow.begin(), shadow.end(), [](const ShadowStatus &a, const ShadowStatus &b) {
        return a.count.packets > b.count.packets;
    });
    return walked;
}

// All but the interfaces.
Result<Snapshot> read_host(const Deployment &deployment) {
    const auto &[pins, control, in_force] = deployment;
    Snapshot snapshot;
    snapshot.in_force = in_force;
    // Where the clock is behind what this host has seen, the programs go by that.
    snapshot.utc = std::max(realtime_ns(), boottime_ns() + in_force.catalog.utc);
    const pm_record &record = snapshot.in_force.state.record;
    if (record.shadow)
        if (auto catalog = read_catalog(control.image(record.shadow - 1u)))
            snapshot.shadow = std::move(*catalog);
    auto capacity = flow_capacity(pins);
    if (!capacity) return tl::unexpected(capacity.error());
    snapshot.flow_capacity = *capacity;
    auto rings = CounterArray<pm_ring_count>::of(pins.maps().fd("ring_counts"), "ring_counts");
    if (!rings) return tl::unexpected(rings.error());
    for (unsigned ring = 0; ring < PM_EVENT_RINGS; ++ring) {
        auto count = rings->get(ring);
        if (!count) return tl::unexpected(count.error());
        snapshot.events_lost += count->lost;
    }
    return snapshot;
}

Done add_interface(const Deployment &deployment, const Pins::Interface &interface,
                   const Attached &attached, const FlowCounts &live, Snapshot &snapshot) {
    const Pins &pins = deployment.pins;
    const pm_record &record = snapshot.in_force.state.record;
    auto status = read_interface(pins, interface, attached, snapshot.in_force.catalog, live);
    if (!status) return tl::unexpected(status.error());
    if (snapshot.shadow)
        if (auto read = read_shadow(pins, snapshot, interface.number, status->shadow); !read)
            return read;
    status->filtered = holds_on(record, interface.number);
    status->closed =
        status->filtered && is_closed(deployment.control.image(record.image), interface.number);
    snapshot.interfaces.push_back(std::move(*status));
    return {};
}

}  // namespace

Result<Snapshot> read_snapshot(const Deployment &deployment, const std::vector<std::string> &names,
                               LiveFlows flows) {
    const Pins &pins = deployment.pins;
    auto selected = select_interfaces(pins, names);
    if (!selected) return tl::unexpected(selected.error());
    auto snapshot = read_host(deployment);
    if (!snapshot) return snapshot;
    FlowCounts live;
    Done walked;
    if (flows == LiveFlows::counted)
        walked = each_live_flow(pins, [&](const pm_flow_key &key, const pm_flow &flow) {
            live[{key.interface, flow.row}]++;
        });
    if (!walked) return tl::unexpected(walked.error());
    for (const Pins::Interface &one : *selected) {
        auto added = add_interface(deployment, one, attached_now(pins, one), live, *snapshot);
        if (!added) return tl::unexpected(added.error());
        InterfaceStatus &status = snapshot->interfaces.back();
        status.checked = boottime_ns();
        const auto device = device_of(pins, one);
        status.absent = !device;
        if (device && device->name != status.name) status.renamed = device->name;
    }
    return snapshot;
}

Result<Snapshot> read_snapshot_unprivileged(const Deployment &deployment, const FlowCounts &live) {
    const Pins &pins = deployment.pins;
    auto interfaces = pins.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto snapshot = read_host(deployment);
    if (!snapshot) return snapshot;
    for (const Pins::Interface &one : *interfaces) {
        auto added = add_interface(deployment, one, attached_as_noted(one), live, *snapshot);
        if (!added) return tl::unexpected(added.error());
    }
    return snapshot;
}

}  // namespace pm
