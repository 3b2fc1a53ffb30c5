// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/memory.h"

#include <linux/bpf.h>
#include <unistd.h>

#include <bit>
#include <sstream>
#include <string>

#include <bpf/libbpf.h>
#include <fmt/core.h>

#include "loader/base/file.h"

namespace pm {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t hash_element =
    48;                                    // struct htab_elem: links and state before key and value
constexpr std::uint64_t hash_bucket = 16;  // struct bucket: head and lock

constexpr std::uint64_t rounded(std::uint64_t size, std::uint64_t unit) {
    return (size + unit - 1) / unit * unit;
}

}  // namespace

std::uint64_t map_bytes(const MapShape &shape, unsigned cpus) {
    const std::uint64_t key = rounded(shape.key_size, 8), value = rounded(shape.value_size, 8);
    const std::uint64_t entries = shape.entries;
    const std::uint64_t buckets = std::bit_ceil(entries) * hash_bucket;
    switch (shape.type) {
        case BPF_MAP_TYPE_PERCPU_ARRAY:
            return entries * (cpus * value + sizeof(void *));
        case BPF_MAP_TYPE_LRU_HASH:
            return entries * (hash_element + key + value) + buckets;
        case BPF_MAP_TYPE_PERCPU_HASH:
            return buckets;
        case BPF_MAP_TYPE_RINGBUF:
            return entries + 3 * page;
        default:
            return rounded(entries * value, page);
    }
}

Result<HostMemory> host_memory() {
    auto text = read_file("/proc/meminfo");
    if (!text) return tl::unexpected(text.error());
    const int cpus = libbpf_num_possible_cpus();
    if (cpus < 0) return cannot("count the CPUs", cpus);
    HostMemory host{.available = 0,
                    .possible_cpus = static_cast<unsigned>(cpus),
                    .online_cpus = static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN))};
    std::istringstream lines(*text);
    for (std::string name, rest; lines >> name; std::getline(lines, rest)) {
        if (name != "MemAvailable:") continue;
        if (!(lines >> host.available)) break;
        host.available <<= 10;
        return host;
    }
    return fault("/proc/meminfo does not tell how much memory is available");
}

Done check_memory(const MapMemory &needed, const HostMemory &host) {
    if (needed.all() < 1u << 20 || needed.all() + memory_reserve <= host.available) return {};
    std::string hint = "free memory, or shorten the sets of the policy";
    if (needed.interface > 0)
        hint = fmt::format(
            "free memory, lower 'flow-capacity', or filter fewer interfaces: each takes {} MB",
            megabytes(needed.interface));
    if (needed.interface > 0 && host.possible_cpus > host.online_cpus)
        hint += fmt::format(
            ". This kernel is ready for {} CPUs and has {}: possible_cpus={} on its command line "
            "makes that less",
            host.possible_cpus, host.online_cpus, host.online_cpus);
    return fault(
        fmt::format("the maps need {} MB of memory, and this host can give {} MB: {} MB are "
                    "kept for its other work",
                    megabytes(needed.all()), host.available >> 20, memory_reserve >> 20),
        std::move(hint), Exit::refused);
}

std::uint64_t megabytes(std::uint64_t bytes) {
    return rounded(bytes, 1u << 20) >> 20;
}

}  // namespace pm
