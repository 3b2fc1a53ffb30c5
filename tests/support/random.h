// SPDX-License-Identifier: Apache-2.0
// Random numbers for tests: one seed gives one sequence.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include "policy/model/model.h"
#include "tests/support/packet.h"
namespace pm::test {

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    std::uint64_t bits() { return engine_(); }
    std::uint32_t below(std::uint32_t limit) {  // limit > 0
        return static_cast<std::uint32_t>((engine_() >> 32) * limit >> 32);
    }
    int between(int first, int last) {
        return first + static_cast<int>(below(static_cast<std::uint32_t>(last - first + 1)));
    }
    bool chance(unsigned percent) { return below(100) < percent; }

    template <typename T>
    const T &pick(const std::vector<T> &all) {
        return all[below(static_cast<std::uint32_t>(all.size()))];
    }
    int pick(std::initializer_list<int> all) {
        return all.begin()[below(static_cast<std::uint32_t>(all.size()))];
    }

private:
    std::mt19937_64 engine_;
};

}  // namespace pm::test
