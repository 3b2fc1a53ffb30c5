// SPDX-License-Identifier: Apache-2.0
// The flow tables of an attached portmatrix (PORTMATRIX_PIN_DIR), for the update benchmark:
//   pm_tables fill COUNT   puts COUNT live flows into them, shared out as the tables are
//   pm_tables walk         reads all entries as every output does; prints flows and milliseconds
//   pm_tables list         the live ones into a list, as `flows` does
//   pm_tables switch       publishes the policy in force anew, 1,000 times; prints median and
//                          largest nanoseconds of the call
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <bpf/bpf.h>

#include "loader/kernel/deployment.h"
#include "loader/kernel/flow_table.h"
#include "loader/kernel/jiffies.h"
#include "loader/kernel/program.h"
#include "loader/kernel/switch.h"
#include "loader/observe/flow_reader.h"
#include "loader/observe/snapshot.h"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string &message) {
    std::fprintf(stderr, "pm_tables: %s\n", message.c_str());
    std::exit(1);
}

template <typename T>
T must(pm::Result<T> result) {
    if (!result) fail(result.error().message);
    return std::move(*result);
}

double milliseconds_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void fill(const pm::Pins &pins, std::uint32_t first, std::uint32_t count, const char *table,
          std::uint8_t opener, std::uint32_t sequence, std::uint16_t row) {
    std::vector<pm_flow_key> keys(count);
    pm_flow flow = {};
    flow.epoch = sequence;
    flow.start = flow.last =
        static_cast<std::uint32_t>((pm::jiffies_now() - 2 * pm::kernel_hz()) >> PM_STAMP_SHIFT);
    flow.row = row;
    flow.opener = opener;
    flow.marks = PM_FLOW_ESTABLISHED;
    flow.packets[PM_IN] = flow.bytes[PM_IN] = 1;
    for (std::uint32_t i = 0; i < count; ++i) {
        keys[i].local = {0, PM_V4_PREFIX | 0xcb00710a};
        keys[i].remote = {0, PM_V4_PREFIX | (0x10000000 + first + i)};
        keys[i].local_port = 5061;
        keys[i].remote_port = 40000;
        keys[i].protocol = PM_PROTO_TCP;
    }
    const std::vector<pm_flow> flows(count, flow);
    if (bpf_map_update_batch(pins.maps().fd(table), keys.data(), flows.data(), &count, nullptr))
        fail(std::string("cannot fill the table ") + table);
}

void fill_all(const pm::Deployment &deployment, std::uint32_t count) {
    const auto &[pins, control, now] = deployment;
    const std::uint32_t sequence = pm_sequence(now.state.epoch);
    const std::uint16_t row = now.catalog.rows.at(0).slot;
    // Nine tenths of each table: an LRU that is filled to the brim evicts before it is full.
    const std::uint32_t assured = count / 8 * 3, opening = count / 8;
    fill(pins, 0, assured, "assured", PM_IN, sequence, row);
    fill(pins, assured, opening, "opening", PM_OUT, sequence, row);
    fill(pins, assured + opening, count - assured - opening, "outside", PM_IN, sequence, row);
}

// Flows that are listed, and milliseconds.
void time_walk(const pm::Pins &pins) {
    const auto start = Clock::now();
    std::uint64_t flows = 0;
    for (const pm::FlowTable &table : pm::flow_tables) {
        const auto map = must(pm::Map<pm_flow_key, pm_flow>::of(pins.maps(), table.name));
        auto walked = map.each(
            [&](const pm_flow_key &, const pm_flow &flow) { flows += flow.moved ? 0 : 1; });
        if (!walked) fail(walked.error().message);
    }
    std::printf("%zu %.1f\n", flows, milliseconds_since(start));
}

void time_list(const pm::Deployment &deployment) {
    const auto start = Clock::now();
    const auto reader = must(pm::FlowReader::open(deployment, {}));
    std::vector<std::pair<pm_flow_key, pm_flow>> flows;
    flows.reserve(reader.capacity());
    auto walked = reader.each(
        [&](const pm_flow_key &key, const pm_flow &flow) { flows.emplace_back(key, flow); });
    if (!walked) fail(walked.error().message);
    std::printf("%zu %.1f\n", flows.size(), milliseconds_since(start));
}

void time_switch(const pm::Pins &pins) {
    auto control = must(pm::Switch::open(pins.maps(), pm::Switch::Access::write));
    std::vector<double> all;
    for (int i = 0; i < 1000; ++i) {
        const auto start = Clock::now();
        if (auto done = control.republish([](pm_record &) {}); !done) fail(done.error().message);
        all.push_back(milliseconds_since(start) * 1e6);
    }
    std::sort(all.begin(), all.end());
    std::printf("%.0f %.0f\n", all[all.size() / 2], all.back());
}

}  // namespace

int main(int argc, char **argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    const auto deployment = must(pm::need_deployment(pm::Paths::from_environment()));
    if (what == "fill" && argc == 3) {
        fill_all(deployment, static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)));
    } else if (what == "walk") {
        time_walk(deployment.pins);
    } else if (what == "list") {
        time_list(deployment);
    } else if (what == "switch") {
        time_switch(deployment.pins);
    } else {
        fail("usage: pm_tables fill COUNT | walk | list | switch");
    }
    return 0;
}
