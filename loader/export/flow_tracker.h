// SPDX-License-Identifier: Apache-2.0
// From one walk of the flow tables to the next: which flows began, went on, ended or were evicted.
// Pure: it is told what a walk sees. A flow is its ends, its opener and its first packet's time.
//
// An LRU table reports no eviction, and a dead entry stays until another needs its place. So a flow
// that is missing was evicted if it could still have been live; and a flow that was opened (its row
// counted it) and never seen was evicted between two walks. Both are lower bounds: what could
// have ended by itself since the walk before is not called evicted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

#include "loader/observe/snapshot.h"
#include "maps/abi.h"

namespace pm::exporter {

// flowEndReason of IPFIX (RFC 5102).
enum class EndReason : std::uint8_t {
    idle = 1,
    active = 2,    // it goes on: the record is one of several
    detected = 3,  // both FINs, or a RST
    forced = 4,    // cut by a policy or a ban, or the exporter ends
    evicted = 5,
};

// What is told of a flow: what came since the record before.
struct FlowRecord {
    pm_flow_key key = {};
    pm_flow flow = {};              // as last seen, with the counts since it began
    std::uint64_t packets[2] = {};  // since the record before, by enum pm_direction
    std::uint64_t bytes[2] = {};
    EndReason reason = EndReason::active;
};

class FlowTracker {
public:
    using Sink = std::function<void(const FlowRecord &)>;

    explicit FlowTracker(std::uint64_t active_seconds) : active_seconds_(active_seconds) {}

    // A walk: begin, see each entry, end. `now` is flow_stamp_now() after `opened`, the flows that
    // all rows have counted, was read. `interfaces`: a bit for each number that is attached.
    // Of flows that began before the first walk only what comes after it is told.
    void begin(std::uint32_t now, std::uint64_t opened, std::uint16_t interfaces);
    void see(const pm_flow_key &key, const pm_flow &flow);
    void end(const Sink &sink);

    // The last records of all that is known, as forced ends; then nothing is known.
    void finish(const Sink &sink);

    const FlowCounts &live() const { return live_; }      // as of the last walk
    std::uint64_t evictions() const;                      // both kinds, since the first walk
    std::uint64_t never_seen() const { return unseen_; }  // evicted between two walks

private:
    struct Identity {
        pm_flow_key key;
        std::uint32_t start;
        std::uint32_t opener;
        bool operator==(const Identity &other) const;
    };
    struct Hash {
        std::size_t operator()(const Identity &identity) const;
    };
    struct Known {
        pm_flow flow;
        std::uint64_t told_packets[2] = {}, told_bytes[2] = {};
        std::uint32_t told = 0;  // stamp of the last record
        std::uint32_t walk = 0;  // that saw it last
        bool over = false;       // its end was told
    };

    void tell(const Identity &identity, Known &known, EndReason reason, const Sink &sink) const;
    void look_at(const Identity &identity, Known &known, const Sink &sink);
    void miss(const Identity &identity, Known &known, const Sink &sink);
    void count_unseen();

    std::unordered_map<Identity, Known, Hash> known_;
    FlowCounts live_;
    std::uint64_t active_seconds_;
    std::uint32_t walk_ = 0, now_ = 0;
    std::uint32_t first_now_ = 0;  // of the first walk
    std::uint64_t first_opened_ = 0, opened_ = 0;
    std::uint64_t begun_ = 0;  // flows seen that began since the first walk
    std::uint64_t ahead_ = 0;  // of them, those that `opened_` may not have yet
    std::uint64_t evicted_ = 0, unseen_ = 0;
    std::uint16_t interfaces_ = 0;
};

}  // namespace pm::exporter
