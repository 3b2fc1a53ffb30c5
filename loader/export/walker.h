// SPDX-License-Identifier: Apache-2.0
// The background walk of the flow tables: what scrapes say of live flows, and flow records for
// those who collect them. Runs in a thread of its own; a scrape takes what the last walk found.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "loader/base/paths.h"
#include "loader/export/flow_tracker.h"
#include "loader/kernel/deployment.h"

namespace pm::exporter {

// What the numbers in a record are called.
struct FlowNames {
    std::map<unsigned, std::string> interfaces;  // by number
    std::map<unsigned, std::uint32_t> indices;   // ifindex, by number
    std::map<unsigned, std::string> rows;        // by counter slot

    std::string interface(const pm_flow_key &key) const {
        auto found = interfaces.find(key.interface);
        return found == interfaces.end() ? "" : found->second;
    }
    std::string row(const pm_flow &flow) const {  // empty: it has left the policy
        auto found = rows.find(flow.row);
        return found == rows.end() ? "" : found->second;
    }
};

// Times of flows are stamps; this makes times of day of them.
struct FlowClock {
    std::uint32_t stamp = 0;
    std::uint64_t realtime_ms = 0;
    static FlowClock now();
    std::uint64_t ms(std::uint32_t of) const;
};

class FlowSink {
public:
    virtual ~FlowSink() = default;
    // The records of a walk come between these two. Faults are said once on stderr.
    virtual void begin(const FlowNames &names, const FlowClock &clock) = 0;
    virtual void record(const FlowRecord &record) = 0;
    virtual void end() = 0;
};

struct Walk {
    FlowCounts live;
    std::uint64_t evictions = 0, never_seen = 0, records = 0;  // since the exporter began
    double time = 0;                                           // seconds since 1970; 0: none yet
    double duration = 0;                                       // seconds
    std::string fault;                                         // why the last one failed
};

class Walker {
public:
    struct Options {
        std::uint64_t interval = 10, active = 60;  // seconds
    };
    Walker(Paths paths, Options options, std::vector<std::unique_ptr<FlowSink>> sinks);
    ~Walker();  // the last walk, and the last records

    Walk last() const;

private:
    void run();
    void walk(bool final);
    Done walk_tables(bool final);
    Done count_opened(const Pins &pins, const FlowNames &names);
    void publish(double duration, std::string fault);

    Paths paths_;
    Options options_;
    std::vector<std::unique_ptr<FlowSink>> sinks_;
    FlowTracker tracker_;
    // What each row of each interface had counted: a slot that is given to another row restarts.
    std::map<std::pair<unsigned, unsigned>, std::uint64_t> row_flows_;
    std::uint64_t opened_ = 0, records_ = 0;
    std::uint32_t tables_ = 0;  // the id of one: all was detached if it changes
    InForce known_;             // as of the last walk

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool end_ = false;
    Walk last_;
    std::thread thread_;
};

}  // namespace pm::exporter
