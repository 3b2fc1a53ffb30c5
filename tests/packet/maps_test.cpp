// SPDX-License-Identifier: Apache-2.0
// What the maps ask of the kernel: no table uses a hash seed that an attacker could foresee, and
// the memory is what apply and doctor say.
#include <linux/bpf.h>
#include <sys/utsname.h>

#include <cstdio>
#include <fstream>
#include <string>

#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include "loader/kernel/program.h"
#include "policy/base/fd.h"

namespace pm::test {
namespace {

TEST(Maps, NoneAsksForAZeroSeed) {
    auto program = Program::load({});
    ASSERT_TRUE(program) << program.error().message;
    int hashes = 0;
    for (const auto &[name, fd] : program->maps().all()) {
        auto info = map_info(fd.get(), name);
        ASSERT_TRUE(info) << info.error().message;
        EXPECT_EQ(info->map_flags & BPF_F_ZERO_SEED, 0U) << name;
        hashes += info->type == BPF_MAP_TYPE_LRU_HASH;
    }
    EXPECT_GE(hashes, 5);  // flows three times, fragments, limits
}

// What the kernel says that a map takes. Kernels before 6.4 say the size of what is in it, without
// what the kernel adds.
std::uint64_t told(int fd) {
    std::ifstream lines("/proc/self/fdinfo/" + std::to_string(fd));
    for (std::string name, value; lines >> name; std::getline(lines, value))
        if (name == "memlock:" && lines >> value) return std::stoull(value);
    return 0;
}

bool tells_all() {
    utsname kernel = {};
    unsigned major = 0, minor = 0;
    if (uname(&kernel) != 0 || std::sscanf(kernel.release, "%u.%u", &major, &minor) != 2)
        return true;
    return major > 6 || (major == 6 && minor >= 4);
}

// Regression: memory at scale. 128 possible CPUs and 4 interfaces took 800 MB, and nobody said so.
TEST(Maps, TakeTheMemoryThatIsForetold) {
    const ProgramOptions options;
    auto program = Program::load(options);
    ASSERT_TRUE(program) << program.error().message;
    auto host = host_memory();
    ASSERT_TRUE(host) << host.error().message;
    Maps maps;
    for (const auto &[name, fd] : program->maps().all()) maps.add(name, Fd::copy_of(fd.get()));
    maps.add("rows", Fd::copy_of(program->rows()));

    std::uint64_t all = 0, rows = 0;
    for (const auto &[name, fd] : maps.all()) {
        auto info = map_info(fd.get(), name);
        ASSERT_TRUE(info) << info.error().message;
        const std::uint64_t bytes = map_bytes({.type = info->type,
                                               .key_size = info->key_size,
                                               .value_size = info->value_size,
                                               .entries = info->max_entries},
                                              host->possible_cpus);
        all += bytes;
        if (name == "rows") rows = bytes;
        if (bytes < 1u << 20) continue;  // of small ones the kernel's own part is most
        EXPECT_GT(told(fd.get()), tells_all() ? bytes / 10 * 7 : bytes / 4) << name;
        EXPECT_LT(told(fd.get()), bytes / 10 * 11) << name;
    }
    auto memory = map_memory(options, 1);
    ASSERT_TRUE(memory) << memory.error().message;
    EXPECT_EQ(memory->interface, rows);
    // Beside the maps with names there are those of constants and variables.
    EXPECT_NEAR(static_cast<double>(memory->shared + memory->interface), static_cast<double>(all),
                1 << 20);
}

}  // namespace
}  // namespace pm::test
