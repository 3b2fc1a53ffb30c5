// SPDX-License-Identifier: Apache-2.0
// Compares each walk of the flow tables with the walk before: which flows began, went on, ended, or
// were evicted. Knows no map: it is told what a walk sees. A flow is known by its ends, its opener
// and the time of its first packet.
//
// How an eviction is known. The kernel's LRU tables report none. But a flow that ends leaves its
// entry behind, and the entry stays until another flow needs the place. So there are two signs:
//
// 1. A flow that an earlier walk saw has no entry any more. If it could not have expired since, it
//    was live when it lost its entry: evicted. Else it ended, and its dead entry was reused.
// 2. A flow was opened and no walk ever saw it: it came and was evicted between two walks. How many
//    there are follows from the rows' counters: flows opened less flows seen.
//
// Both are lower bounds: in doubt a flow counts as ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "loader/observe/snapshot.h"
#include "maps/abi.h"

namespace pm::exporter {

// flowEndReason of IPFIX (RFC 5102).
enum class EndReason : std::uint8_t {
    idle = 1,
    active = 2,    // it goes on: the record is one of several
    detected = 3,  // FINs of both sides, or an RST
    forced = 4,    // cut by a policy or a ban, detached, or the exporter ends
    evicted = 5,
};

// A flow, and what it has counted since its record before: nothing, if it only ended since.
struct FlowRecord {
    pm_flow_key key = {};
    pm_flow flow = {};              // as last seen, with the counts since it began
    std::uint64_t packets[2] = {};  // since the record before, by pm_direction
    std::uint64_t bytes[2] = {};
    EndReason reason = EndReason::active;
};

class FlowTracker {
public:
    using Sink = std::function<void(const FlowRecord &)>;

    explicit FlowTracker(std::uint64_t active_seconds) : active_seconds_(active_seconds) {}

    // A walk: begin, see each entry, end; end() gives the records. `opened` are the flows that all
    // rows have counted, `now` is flow_stamp_now() read after it. `interfaces` has a bit for each
    // number that is attached. Of a flow that began before the first walk, records have only what
    // it counts after that walk.
    void begin(std::uint32_t now, std::uint64_t opened, std::uint16_t interfaces);
    void see(const pm_flow_key &key, const pm_flow &flow);
    void end(const Sink &sink);

    // Gives the last record of each known flow, as a forced end, and forgets all flows.
    void finish(const Sink &sink);

    const FlowCounts &live() const { return live_; }      // as of the last walk
    std::uint64_t evictions() const;                      // both signs, since the first walk
    std::uint64_t never_seen() const { return unseen_; }  // the second sign alone

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
        std::uint64_t reported_packets[2] = {}, reported_bytes[2] = {};
        std::uint32_t reported = 0;  // stamp of the last record
        std::uint32_t walk = 0;      // the walk that saw it last
        bool told = false;           // a record has gone out
        bool over = false;           // a record has said its end
    };

    void report(const Identity &identity, Known &known, EndReason reason, const Sink &sink) const;
    void report_present(const Identity &identity, Known &known, const Sink &sink);
    void report_missing(const Identity &identity, Known &known, const Sink &sink);
    void count_unseen();

    std::unordered_map<Identity, Known, Hash> known_;
    FlowCounts live_;
    std::uint64_t active_seconds_;
    std::uint32_t walk_ = 0, now_ = 0;
    std::uint32_t first_now_ = 0;  // of the first walk
    std::uint64_t first_opened_ = 0, opened_ = 0;
    std::uint64_t begun_ = 0;  // flows seen that began since the first walk
    std::uint64_t ahead_ = 0;  // of these, the flows that `opened_` may not count yet
    std::uint64_t evicted_ = 0, unseen_ = 0;
    std::uint16_t interfaces_ = 0;
};

}  // namespace pm::exporter
