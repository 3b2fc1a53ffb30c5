// SPDX-License-Identifier: Apache-2.0
// What the maps take of a host's memory, and when that is too much.
#include "loader/kernel/memory.h"

#include <linux/bpf.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/doctor/memory.h"
#include "loader/show/doctor.h"

namespace pm {
namespace {

constexpr std::uint64_t mb = 1u << 20;
constexpr MapMemory maps{.shared = 60 * mb, .interface = 196 * mb, .interfaces = 4};
constexpr HostMemory host{.available = 1024 * mb, .possible_cpus = 128, .online_cpus = 4};

TEST(MapBytes, GrowWithTheCpusThatArePossible) {
    const MapShape rows{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 48, 32768};
    EXPECT_EQ(map_bytes(rows, 4), 32768U * (4 * 48 + 8));
    EXPECT_EQ(map_bytes(rows, 128), 32768U * (128 * 48 + 8));
    const MapShape flows{BPF_MAP_TYPE_LRU_HASH, 40, 56, 65536};
    EXPECT_EQ(map_bytes(flows, 4), 65536U * 160);
    EXPECT_EQ(map_bytes(flows, 4), map_bytes(flows, 128));
    EXPECT_EQ(map_bytes({BPF_MAP_TYPE_ARRAY, 4, 1, 1}, 4), 4096U);  // a page
    EXPECT_EQ(map_bytes({BPF_MAP_TYPE_ARRAY, 4, 2 * mb, 4}, 4), 8 * mb);
}

TEST(CheckMemory, LeavesAReserve) {
    HostMemory just = host;
    just.available = maps.all() + memory_reserve;
    EXPECT_TRUE(check_memory(maps, just));
    --just.available;
    const auto done = check_memory(maps, just);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().exit, Exit::refused);
    EXPECT_EQ(
        done.error().message,
        "the maps need 844 MB of memory, and this host can give 907 MB: 64 MB are kept for its "
        "other work");
    EXPECT_EQ(
        done.error().hint,
        "free memory, lower 'flow-capacity', or filter fewer interfaces: each takes 196 MB. This "
        "kernel is ready for 128 CPUs and has 4: possible_cpus=4 on its command line makes that less");
}

TEST(CheckMemory, DoesNotBlameCpusThatAreThere) {
    HostMemory small = host;
    small.available = 0;
    small.possible_cpus = small.online_cpus;
    const auto done = check_memory(maps, small);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().hint,
              "free memory, lower 'flow-capacity', or filter fewer interfaces: each takes 196 MB");
}

// What is small changes nothing for the host, and may be what it is filtered by.
TEST(CheckMemory, TakesWhatIsSmall) {
    HostMemory full = host;
    full.available = 0;
    EXPECT_TRUE(check_memory({.shared = mb - 1}, full));
    const auto done = check_memory({.shared = 384 * mb}, full);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().hint, "free memory, or shorten the sets of the policy");
}

std::string found(const HostMemory &on, unsigned interfaces) {
    Findings findings;
    MapMemory those = maps;
    those.interfaces = interfaces;
    examine_memory(those, on, findings);
    return show::findings_text(findings.all(), false);
}

TEST(ExamineMemory, SaysWhatTheMapsTake) {
    HostMemory usual = host;
    usual.possible_cpus = usual.online_cpus;
    EXPECT_EQ(
        found(usual, 2),
        "ok      memory          the maps take 60 MB, and 196 MB for each interface, 452 MB in "
        "all; 1024 MB are available\n"
        "0 wrong, 0 warnings\n");
    EXPECT_EQ(
        found(host, 0),
        "note    memory          with the default flow-capacity the maps would take 60 MB, and "
        "196 MB for each interface; 1024 MB are available: there are counters for each of the "
        "128 CPUs that this kernel is ready for, and 4 are there\n"
        "                        remedy: if none is added while it runs, start the kernel with "
        "possible_cpus=4\n"
        "0 wrong, 0 warnings\n");
}

TEST(ExamineMemory, WarnsWhereAnApplyWouldBeRefused) {
    HostMemory small = host;
    small.available = 300 * mb;
    EXPECT_THAT(found(small, 0),
                testing::StartsWith("warning memory          the maps need 256 MB"));
    // What is there has its memory.
    EXPECT_THAT(found(small, 1), testing::StartsWith("note "));
}

}  // namespace
}  // namespace pm
