// SPDX-License-Identifier: Apache-2.0
#include "loader/export/flow_tracker.h"

#include <algorithm>
#include <cstring>

#include "loader/kernel/flow_table.h"

namespace pm::exporter {
namespace {

// A connection with both FINs is reported after this time, for the last ACK follows the last FIN.
constexpr std::uint64_t closing_seconds = 2;

// The rows are counted before the first walk, in less time than this. A flow that begins meanwhile
// may be missing from that count: it must not be taken for evicted.
constexpr std::uint32_t counting_stamps = 3;

bool is_after(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) > 0;
}

bool is_closed(const pm_flow_key &key, const pm_flow &flow) {
    constexpr std::uint8_t both = PM_FLOW_FIN_IN | PM_FLOW_FIN_OUT;
    return key.protocol == PM_PROTO_TCP &&
           ((flow.marks & PM_FLOW_RESET) || (flow.marks & both) == both);
}

std::uint64_t all_packets(const pm_flow &flow) {
    return flow.packets[PM_IN] + flow.packets[PM_OUT];
}

// 0 if the counter is lower than before.
std::uint64_t since(std::uint64_t now, std::uint64_t before) {
    return now > before ? now - before : 0;
}

}  // namespace

bool FlowTracker::Identity::operator==(const Identity &other) const {
    return std::memcmp(this, &other, sizeof(*this)) == 0;
}

std::size_t FlowTracker::Hash::operator()(const Identity &identity) const {
    std::uint64_t words[sizeof(Identity) / 8], hash = 0;
    std::memcpy(words, &identity, sizeof(words));
    for (const std::uint64_t word : words) {
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 32;
    }
    return hash;
}

void FlowTracker::begin(std::uint32_t now, std::uint64_t opened, std::uint16_t interfaces) {
    if (walk_++ == 0) {
        first_now_ = now - counting_stamps;
        first_opened_ = opened;
    }
    now_ = now;
    opened_ = opened;
    interfaces_ = interfaces;
    ahead_ = 0;
    live_.clear();
}

void FlowTracker::see(const pm_flow_key &key, const pm_flow &flow) {
    static_assert(sizeof(Identity) == 48);
    if (flow.moved) return;
    auto [found, is_new] = known_.try_emplace(Identity{key, flow.start, flow.opener});
    Known &known = found->second;
    if (is_new) {
        known.reported = flow.start;
        // One stamp of grace: a flow of the very moment may be in `opened` or not.
        if (is_after(flow.start, first_now_ + 1)) {
            begun_++;
        } else if (walk_ == 1) {
            std::ranges::copy(flow.packets, known.reported_packets);
            std::ranges::copy(flow.bytes, known.reported_bytes);
            known.reported = now_;
            known.over = !is_live(key, flow, now_) || is_closed(key, flow);
        }
    } else if (known.walk == walk_ && all_packets(flow) < all_packets(known.flow)) {
        return;  // seen twice, for it was promoted while we walked: the entry with more is newer
    }
    // It began after `opened_` was read. The next walk compares it.
    if (known.walk != walk_ && is_after(flow.start, now_ + 1)) ahead_++;
    known.flow = flow;
    known.walk = walk_;
}

void FlowTracker::report(const Identity &identity, Known &known, EndReason reason,
                         const Sink &sink) const {
    FlowRecord record;
    record.key = identity.key;
    record.flow = known.flow;
    record.reason = reason;
    for (const unsigned way : {PM_IN, PM_OUT}) {
        record.packets[way] = since(known.flow.packets[way], known.reported_packets[way]);
        record.bytes[way] = since(known.flow.bytes[way], known.reported_bytes[way]);
        known.reported_packets[way] =
            std::max<std::uint64_t>(known.reported_packets[way], known.flow.packets[way]);
        known.reported_bytes[way] =
            std::max<std::uint64_t>(known.reported_bytes[way], known.flow.bytes[way]);
    }
    known.reported = now_;
    const bool counts = record.packets[PM_IN] + record.packets[PM_OUT] != 0;
    // Whoever was told of a flow is told of its end, too.
    const bool ends = known.told && !known.over && reason != EndReason::active;
    known.over = reason != EndReason::active;
    if (!counts && !ends) return;
    known.told = true;
    sink(record);
}

// A flow that has its entry.
void FlowTracker::report_present(const Identity &identity, Known &known, const Sink &sink) {
    const pm_flow &flow = known.flow;
    const bool live = is_live(identity.key, flow, now_);
    if (live) live_[{identity.key.interface, flow.row}]++;
    const bool more =
        all_packets(flow) > known.reported_packets[PM_IN] + known.reported_packets[PM_OUT];
    if (known.over && !more) return;
    if (flow.marks & PM_FLOW_CUT)
        report(identity, known, EndReason::forced, sink);
    else if (is_closed(identity.key, flow) && seconds_since(flow.last, now_) >= closing_seconds)
        report(identity, known, EndReason::detected, sink);
    else if (!live)
        report(identity, known, EndReason::idle, sink);
    else if (seconds_since(known.reported, now_) >= active_seconds_)
        report(identity, known, EndReason::active, sink);
    else
        known.over = false;
}

// A flow that has no entry any more.
void FlowTracker::report_missing(const Identity &identity, Known &known, const Sink &sink) {
    if (known.over) return;
    if (!(interfaces_ >> identity.key.interface & 1)) {
        report(identity, known, EndReason::forced, sink);
    } else if (is_live(identity.key, known.flow, now_)) {
        evicted_++;
        report(identity, known, EndReason::evicted, sink);
    } else {
        report(identity, known, EndReason::idle, sink);
    }
}

void FlowTracker::count_unseen() {
    const std::uint64_t opened = since(opened_, first_opened_), seen = since(begun_, ahead_);
    unseen_ = std::max(unseen_, since(opened, seen));
}

void FlowTracker::end(const Sink &sink) {
    for (auto at = known_.begin(); at != known_.end();) {
        if (at->second.walk == walk_) {
            report_present(at->first, at->second, sink);
            ++at;
        } else {
            report_missing(at->first, at->second, sink);
            at = known_.erase(at);
        }
    }
    count_unseen();
}

void FlowTracker::finish(const Sink &sink) {
    for (auto &[identity, known] : known_) report(identity, known, EndReason::forced, sink);
    known_.clear();
}

std::uint64_t FlowTracker::evictions() const {
    return evicted_ + unseen_;
}

}  // namespace pm::exporter
