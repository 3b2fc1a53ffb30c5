// SPDX-License-Identifier: Apache-2.0
#include "loader/export/walker.h"

#include <algorithm>
#include <chrono>

#include "loader/base/message.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/flow_table.h"
#include "loader/kernel/jiffies.h"
#include "loader/kernel/program.h"
#include "policy/image/catalog.h"
#include "policy/model/labels.h"

namespace pm::exporter {
namespace {

FlowNames names_of(const std::vector<Pins::Interface> &interfaces, const Catalog &catalog) {
    FlowNames names;
    for (const Pins::Interface &one : interfaces) {
        names.interfaces[one.number] = one.name();
        names.indices[one.number] = one.entry.ifindex;
    }
    for (const CatalogRow &row : catalog.rows) names.rows[row.slot] = row.id;
    for (unsigned id = 0; essential_id(id); ++id) names.rows[id] = essential_id(id);
    return names;
}

// After a walk of large tables the CPU is left to others for `rest` times as long as the walk took,
// but never so long that walks come less than twice a minute.
constexpr double rest = 9, longest_pause = 27;

double seconds_of(std::chrono::duration<double> duration) {
    return duration.count();
}

}  // namespace

FlowClock FlowClock::now() {
    const auto time = std::chrono::system_clock::now().time_since_epoch();
    return {flow_stamp_now(),
            static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::milliseconds>(time).count())};
}

std::uint64_t FlowClock::ms(std::uint32_t other) const {
    const auto stamps = static_cast<std::int32_t>(stamp - other);
    if (stamps <= 0) return realtime_ms;
    return realtime_ms -
           (static_cast<std::uint64_t>(stamps) << PM_STAMP_SHIFT) * 1000 / kernel_hz();
}

Walker::Walker(Paths paths, Options options, std::vector<std::unique_ptr<FlowSink>> sinks)
    : paths_(std::move(paths)),
      options_(options),
      sinks_(std::move(sinks)),
      tracker_(options.active) {
    walk(Round::usual);
    thread_ = std::thread([this] { run(); });
}

Walker::~Walker() {
    {
        const std::lock_guard lock(mutex_);
        end_ = true;
    }
    wake_.notify_all();
    thread_.join();
    walk(Round::last);
}

void Walker::run() {
    std::unique_lock lock(mutex_);
    auto pause = [&] {
        const auto wanted = static_cast<double>(options_.interval);
        return std::chrono::duration<double>(
            std::clamp(rest * last_.duration, wanted, std::max(wanted, longest_pause)));
    };
    while (!wake_.wait_for(lock, pause(), [&] { return end_; })) {
        lock.unlock();
        walk(Round::usual);
        lock.lock();
    }
}

Walk Walker::last() const {
    const std::lock_guard lock(mutex_);
    return last_;
}

void Walker::walk(Round round) {
    const auto begin = std::chrono::steady_clock::now();
    auto done = walk_tables(round);
    publish(seconds_of(std::chrono::steady_clock::now() - begin), done ? "" : done.error().message);
}

void Walker::publish(double duration, std::string fault) {
    const std::lock_guard lock(mutex_);
    if (!fault.empty() && fault != last_.fault) print_note("flows cannot be read: " + fault);
    last_.fault = std::move(fault);
    if (!last_.fault.empty()) return;
    last_.live = tracker_.live();
    last_.evictions = tracker_.evictions();
    last_.never_seen = tracker_.never_seen();
    last_.records = records_;
    last_.duration = duration;
    last_.time = seconds_of(std::chrono::system_clock::now().time_since_epoch());
}

// Counts on: all rows that were ever seen, also those that have left the policy.
Done Walker::count_opened(const Pins &pins, const FlowNames &names) {
    for (const auto &[number, name] : names.interfaces) {
        for (const auto &[slot, id] : names.rows) row_flows_.try_emplace({number, slot}, 0);
        auto fd = pins.rows(number);
        if (!fd) return tl::unexpected(fd.error());
        auto counters = CounterArray<pm_row_count>::of(fd->get(), "rows");
        if (!counters) return tl::unexpected(counters.error());
        for (auto at = row_flows_.lower_bound({number, 0});
             at != row_flows_.end() && at->first.first == number; ++at) {
            auto count = counters->get(at->first.second);
            if (!count) return tl::unexpected(count.error());
            opened_ += count->flows >= at->second ? count->flows - at->second : count->flows;
            at->second = count->flows;
        }
    }
    return {};
}

Result<Walker::Start> Walker::prepare(Deployment &deployment) {
    auto interfaces = deployment.pins.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    auto info = map_info(deployment.pins.maps().fd("assured"), "assured");
    if (!info) return tl::unexpected(info.error());
    known_ = std::move(deployment.in_force);
    Start start;
    start.tables = info->id;
    start.names = names_of(*interfaces, known_.catalog);
    for (const auto &[number, name] : start.names.interfaces)
        start.attached = static_cast<std::uint16_t>(start.attached | 1u << number);
    if (auto counted = count_opened(deployment.pins, start.names); !counted)
        return tl::unexpected(counted.error());
    return start;
}

Done Walker::walk_tables(Round round) {
    auto deployment = open_deployment(paths_, Access::read, &known_);
    if (!deployment) return tl::unexpected(deployment.error());
    auto start = *deployment ? prepare(**deployment) : Result<Start>(Start());
    if (!start) return tl::unexpected(start.error());
    const FlowClock clock = FlowClock::now();  // after what was counted, see FlowTracker::begin()
    for (const auto &sink : sinks_) sink->begin(start->names, clock);
    auto report = [&](const FlowRecord &record) {
        records_++;
        for (const auto &sink : sinks_) sink->record(record);
    };
    if (start->tables != tables_) tracker_.finish(report);
    tables_ = start->tables;
    tracker_.begin(clock.stamp, opened_, start->attached);
    if (*deployment) {
        auto walked = each_flow_entry(
            (*deployment)->pins,
            [&](const pm_flow_key &key, const pm_flow &flow) { tracker_.see(key, flow); });
        if (!walked) return walked;
    }
    tracker_.end(report);
    if (round == Round::last) tracker_.finish(report);
    for (const auto &sink : sinks_) sink->end();
    return {};
}

}  // namespace pm::exporter
