// SPDX-License-Identifier: Apache-2.0
// Options that the maps ask of the kernel: no table uses a hash seed that an attacker could
// foresee.
#include <linux/bpf.h>

#include <gtest/gtest.h>

#include "loader/kernel/program.h"

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

}  // namespace
}  // namespace pm::test
