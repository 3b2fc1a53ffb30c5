// SPDX-License-Identifier: Apache-2.0
// A map that is copied into one of another layout.
#include "loader/attach/copy_map.h"

#include <cstring>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include "policy/base/fd.h"

namespace pm {
namespace {

struct Old {
    std::uint64_t count;
};
struct New {
    std::uint64_t count, twice;
};

// A field more in the value, and four bytes more in the key.
const MapChange change = {
    .key =
        [](const Bytes &old) {
            Bytes key = old;
            key.resize(8, 7);
            return key;
        },
    .value =
        [](const Bytes &old) {
            Old before = {};
            std::memcpy(&before, old.data(), sizeof(before));
            const New after = {.count = before.count, .twice = 2 * before.count};
            Bytes value(sizeof(after));
            std::memcpy(value.data(), &after, sizeof(after));
            return value;
        },
};
const MapChange value_only = {.value = change.value};

Fd make(bpf_map_type type, std::uint32_t key, std::uint32_t value, std::uint32_t entries,
        std::uint32_t flags = 0) {
    bpf_map_create_opts options = {};
    options.sz = sizeof(options);
    options.map_flags = flags;
    return Fd(bpf_map_create(type, "pm_test", key, value, entries, &options));
}

struct NewKey {
    std::uint32_t number, sevens = 0x07070707;
};

std::uint64_t twice_of(const Fd &map, std::uint32_t number) {
    const NewKey key = {.number = number};
    New value = {};
    return bpf_map_lookup_elem(map.get(), &key, &value) == 0 ? value.twice : 0;
}

TEST(CopyMap, KeysAndValuesOfAHashMapAreConverted) {
    for (const bpf_map_type type : {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH}) {
        const Fd from = make(type, 4, sizeof(Old), 20000), to = make(type, 8, sizeof(New), 40000);
        for (std::uint32_t i = 1; i <= 9000; ++i) {
            const Old value = {.count = i};
            ASSERT_EQ(bpf_map_update_elem(from.get(), &i, &value, BPF_ANY), 0);
        }
        ASSERT_TRUE(copy_map(from.get(), to.get(), "test", change, Entries::all));
        for (std::uint32_t i = 1; i <= 9000; ++i) ASSERT_EQ(twice_of(to, i), 2u * i);
    }
}

TEST(CopyMap, WhatIsMissingIsAddedAndNothingReplaced) {
    const Fd from = make(BPF_MAP_TYPE_LRU_HASH, 4, sizeof(Old), 1000),
             to = make(BPF_MAP_TYPE_LRU_HASH, 8, sizeof(New), 1000);
    for (std::uint32_t i = 1; i <= 2; ++i) {
        const Old value = {.count = i};
        ASSERT_EQ(bpf_map_update_elem(from.get(), &i, &value, BPF_ANY), 0);
    }
    const NewKey there = {.number = 1};
    const New newer = {.count = 50, .twice = 100};
    ASSERT_EQ(bpf_map_update_elem(to.get(), &there, &newer, BPF_ANY), 0);
    ASSERT_TRUE(copy_map(from.get(), to.get(), "test", change, Entries::missing));
    EXPECT_EQ(twice_of(to, 1), 100u);
    EXPECT_EQ(twice_of(to, 2), 4u);
}

TEST(CopyMap, WhatHasNoRoomIsLeftOut) {
    const Fd from = make(BPF_MAP_TYPE_HASH, 4, sizeof(Old), 100),
             to = make(BPF_MAP_TYPE_HASH, 8, sizeof(New), 10);
    for (std::uint32_t i = 1; i <= 100; ++i) {
        const Old value = {.count = i};
        ASSERT_EQ(bpf_map_update_elem(from.get(), &i, &value, BPF_ANY), 0);
    }
    ASSERT_TRUE(copy_map(from.get(), to.get(), "test", change, Entries::all));
    std::size_t count = 0;
    for (std::uint32_t i = 1; i <= 100; ++i) {
        const std::uint64_t twice = twice_of(to, i);
        if (twice == 0) continue;
        EXPECT_EQ(twice, 2u * i);
        ++count;
    }
    EXPECT_EQ(count, 10u);
}

TEST(CopyMap, PrefixesOfATrieAreCopied) {
    struct Prefix {
        std::uint32_t bits, address;
    };
    const auto trie = [](std::uint32_t entries) {
        return make(BPF_MAP_TYPE_LPM_TRIE, sizeof(Prefix), sizeof(Old), entries, BPF_F_NO_PREALLOC);
    };
    const Fd from = trie(3000), to = trie(3000), small = trie(10);
    for (std::uint32_t i = 0; i < 3000; ++i) {
        const Prefix prefix = {.bits = 32, .address = i};
        const Old value = {.count = i};
        ASSERT_EQ(bpf_map_update_elem(from.get(), &prefix, &value, BPF_ANY), 0);
    }
    ASSERT_TRUE(copy_map(from.get(), to.get(), "test", {}, Entries::all));
    for (std::uint32_t i = 0; i < 3000; ++i) {
        const Prefix prefix = {.bits = 32, .address = i};
        Old value = {};
        ASSERT_EQ(bpf_map_lookup_elem(to.get(), &prefix, &value), 0) << i;
        EXPECT_EQ(value.count, i);
    }
    EXPECT_TRUE(copy_map(from.get(), small.get(), "test", {}, Entries::all));
}

TEST(CopyMap, EachCpuKeepsItsCount) {
    const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
    const Fd from = make(BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(Old), 10),
             to = make(BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(New), 20);
    std::vector<Old> old(cpus);
    for (std::size_t cpu = 0; cpu < cpus; ++cpu) old[cpu].count = 100 + cpu;
    const std::uint32_t key = 9;
    ASSERT_EQ(bpf_map_update_elem(from.get(), &key, old.data(), BPF_ANY), 0);
    ASSERT_TRUE(copy_map(from.get(), to.get(), "test", value_only, Entries::all));
    std::vector<New> now(cpus);
    ASSERT_EQ(bpf_map_lookup_elem(to.get(), &key, now.data()), 0);
    for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
        EXPECT_EQ(now[cpu].count, 100 + cpu);
        EXPECT_EQ(now[cpu].twice, 2 * (100 + cpu));
    }
}

TEST(CopyMap, SlotsThatAreSharedMemoryAreConverted) {
    const Fd from = make(BPF_MAP_TYPE_ARRAY, 4, sizeof(Old), 3, BPF_F_MMAPABLE),
             to = make(BPF_MAP_TYPE_ARRAY, 4, sizeof(New), 3, BPF_F_MMAPABLE);
    const std::uint32_t key = 2;
    const Old value = {.count = 21};
    ASSERT_EQ(bpf_map_update_elem(from.get(), &key, &value, BPF_ANY), 0);
    ASSERT_TRUE(copy_map(from.get(), to.get(), "test", value_only, Entries::all));
    New now = {};
    ASSERT_EQ(bpf_map_lookup_elem(to.get(), &key, &now), 0);
    EXPECT_EQ(now.twice, 42u);
}

std::string problem_of(const Fd &from, const Fd &to) {
    const Done done = copy_map(from.get(), to.get(), "test", {}, Entries::all);
    return done ? "" : done.error().message;
}

TEST(CopyMap, AnotherKindOfMapIsRefused) {
    const Fd from = make(BPF_MAP_TYPE_HASH, 4, sizeof(Old), 10),
             to = make(BPF_MAP_TYPE_ARRAY, 4, sizeof(Old), 10);
    EXPECT_EQ(problem_of(from, to), "the map 'test' has type 1 and is to have type 2");
    EXPECT_EQ(problem_of(Fd(), to), "cannot find the map 'test'");
}

TEST(CopyMap, ARingOfEventsIsLeftEmpty) {
    const Fd from = make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096),
             to = make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
    EXPECT_EQ(problem_of(from, to), "");
}

TEST(CopyMap, AMapThatNobodyKnowsHowToCopyIsRefused) {
    const Fd from = make(BPF_MAP_TYPE_QUEUE, 0, 4, 10), to = make(BPF_MAP_TYPE_QUEUE, 0, 4, 10);
    EXPECT_EQ(problem_of(from, to), "the map 'test' has type 22, which cannot be copied");
}

}  // namespace
}  // namespace pm
