// SPDX-License-Identifier: Apache-2.0
// Reading and clearing array maps in batches, with the values of all CPUs added up. Failures are
// thrown.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace pm::test {

[[noreturn]] inline void fail(const std::string &what, int error = errno) {
    throw std::system_error(error, std::generic_category(), what);
}

// Per-CPU values of `count` entries of an array map from `first` on, added up.
template <typename T>
void read_sums(int fd, std::uint32_t first, std::uint32_t count, std::vector<T> &sums) {
    static const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
    constexpr std::size_t fields = sizeof(T) / sizeof(std::uint64_t);
    std::vector<std::uint32_t> keys(count);
    std::vector<std::uint64_t> all(count * cpus * fields);
    std::uint32_t before = first - 1, after = 0, got = count;
    if (bpf_map_lookup_batch(fd, first ? &before : nullptr, &after, keys.data(), all.data(), &got,
                             nullptr) &&
        errno != ENOENT)
        fail("cannot read the counters");
    sums.assign(count, T{});
    for (std::size_t i = 0; i < got; ++i) {
        std::uint64_t sum[fields] = {};
        for (std::size_t j = 0; j < cpus * fields; ++j)
            sum[j % fields] += all[i * cpus * fields + j];
        std::memcpy(&sums[i], sum, sizeof(T));
    }
}

template <typename T>
void clear_array(int fd, std::uint32_t first, std::uint32_t count, std::size_t cpus) {
    const std::vector<std::uint8_t> zero(sizeof(T) * cpus);
    for (std::uint32_t i = first; i < first + count; ++i)
        if (bpf_map_update_elem(fd, &i, zero.data(), BPF_ANY)) fail("cannot clear a map");
}

}  // namespace pm::test
