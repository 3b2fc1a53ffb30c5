// SPDX-License-Identifier: Apache-2.0
// What maps take of the memory of this host. The kernel takes it when a map is made, and what the
// host then lacks, it takes from others: so a command that would make maps asks before it makes the
// first. What has begun, a boot and `watch` do not ask: there the kernel's own refusal counts,
// since what is not made leaves the host unfiltered. Sizes are in bytes.
#pragma once

#include <cstdint>

#include "loader/base/fault.h"

struct bpf_object;

namespace pm {

struct MapShape {
    std::uint32_t type;  // BPF_MAP_TYPE_*
    std::uint32_t key_size, value_size, entries;
};

// As Linux 6.1 to 7.3 allocate it. `cpus`: that are possible; a per-CPU map has room for all of
// them, there or not. Of a map that grows with its entries: what it takes empty.
std::uint64_t map_bytes(const MapShape &shape, unsigned cpus);

struct MapMemory {
    std::uint64_t shared = 0;     // of the maps that all interfaces share
    std::uint64_t interface = 0;  // of those that each interface has for itself
    unsigned interfaces = 1;

    std::uint64_t all() const { return shared + interface * interfaces; }
};

struct HostMemory {
    std::uint64_t available;  // for new maps, without swapping others out
    unsigned possible_cpus, online_cpus;
};

// A fault where the kernel does not say.
Result<HostMemory> host_memory();

// What a host keeps for its other work.
inline constexpr std::uint64_t memory_reserve = 64u << 20;

// Refused (exit 4) where less than the reserve would be left by what takes a megabyte or more.
Done check_memory(const MapMemory &needed, const HostMemory &host);

// In whole megabytes, rounded up.
std::uint64_t megabytes(std::uint64_t bytes);

}  // namespace pm
