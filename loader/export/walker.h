// SPDX-License-Identifier: Apache-2.0
// Walks the flow tables in the background, in a thread of its own. A walk gives two things: the
// numbers of live flows, which scrapes take from the last walk (last()), and flow records, which go
// to the sinks.
//
// Of its members, the thread alone uses what a walk works with; the mutex guards what last() and
// the destructor share with it. The first walk is made before the thread begins, the last one after
// it has ended.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "loader/base/paths.h"
#include "loader/export/flow_tracker.h"
#include "loader/kernel/deployment.h"

namespace pm::exporter {

// The names of the numbers in a flow record.
struct FlowNames {
    std::map<unsigned, std::string> interfaces;  // by number
    std::map<unsigned, std::uint32_t> indices;   // ifindex, by number
    std::map<unsigned, std::string> rows;        // by counter slot

    std::string interface(const pm_flow_key &key) const {
        auto found = interfaces.find(key.interface);
        return found == interfaces.end() ? "" : found->second;
    }
    std::string row(const pm_flow &flow) const {  // empty: the row has left the policy
        auto found = rows.find(flow.row);
        return found == rows.end() ? "" : found->second;
    }
};

// Flows have stamps for times (flow_stamp_now()); this turns a stamp into ms since 1970.
struct FlowClock {
    // The same moment in both units.
    std::uint32_t stamp = 0;
    std::uint64_t realtime_ms = 0;
    static FlowClock now();
    std::uint64_t ms(std::uint32_t other) const;
};

// Where flow records go. The walker's thread calls it: begin(), the records of a walk, end(). A
// fault is printed once, not for each record.
class FlowSink {
public:
    FlowSink() = default;
    FlowSink(const FlowSink &) = delete;
    FlowSink &operator=(const FlowSink &) = delete;
    virtual ~FlowSink() = default;
    virtual void begin(const FlowNames &names, const FlowClock &clock) = 0;
    virtual void record(const FlowRecord &record) = 0;
    virtual void end() = 0;
};

// What the last walk found.
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
        std::uint64_t interval = 10;  // seconds between two walks at least
        std::uint64_t active = 60;    // seconds after which a flow that goes on gets a record
    };
    Walker(Paths paths, Options options, std::vector<std::unique_ptr<FlowSink>> sinks);
    Walker(const Walker &) = delete;
    Walker &operator=(const Walker &) = delete;
    ~Walker();  // walks a last time: every flow gets its last record

    Walk last() const;

private:
    // What a walk must know before it begins. Without a table nothing is attached.
    struct Start {
        FlowNames names;
        std::uint16_t attached = 0;  // a bit for each interface's number
        std::uint32_t tables = 0;    // the id of one of the tables
    };
    enum class Round { usual, last };  // after the last one every flow has had its last record

    void run();
    void walk(Round round);
    Done walk_tables(Round round);
    Result<Start> prepare(Deployment &deployment);
    Done count_opened(const Pins &pins, const FlowNames &names);
    void publish(double duration, std::string fault);

    Paths paths_;
    Options options_;
    std::vector<std::unique_ptr<FlowSink>> sinks_;
    FlowTracker tracker_;
    // The flows that each row of each interface had counted, by number and slot. A slot that is
    // given to another row counts from 0 again.
    std::map<std::pair<unsigned, unsigned>, std::uint64_t> row_flows_;
    std::uint64_t opened_ = 0, records_ = 0;
    std::uint32_t tables_ = 0;  // the id of one table: if it changes, all was detached
    InForce known_;             // as of the last walk

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool end_ = false;
    Walk last_;
    std::thread thread_;
};

}  // namespace pm::exporter
