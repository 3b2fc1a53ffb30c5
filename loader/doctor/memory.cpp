// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/memory.h"

#include <fmt/core.h>

namespace pm {

void examine_memory(const MapMemory &maps, const HostMemory &host, std::optional<unsigned> attached,
                    Findings &findings) {
    MapMemory first = maps;
    first.interfaces = 1;
    if (const auto enough = check_memory(first, host); !attached && !enough)
        return findings.warning("memory", enough.error().message, enough.error().hint);
    std::string text = fmt::format("the maps take {} MB, and {} MB for each interface",
                                   megabytes(maps.shared), megabytes(maps.interface));
    if (attached)
        text += fmt::format(", {} MB in all", megabytes(maps.shared + maps.interface * *attached));
    text += fmt::format("; {} MB are available", host.available >> 20);
    if (host.possible_cpus < 4 * host.online_cpus) return findings.fine("memory", std::move(text));
    findings.note("memory",
                  fmt::format("{}: there are counters for each of the {} CPUs that this kernel is "
                              "ready for, and {} are there",
                              text, host.possible_cpus, host.online_cpus),
                  fmt::format("if none is added while it runs, start the kernel with "
                              "possible_cpus={}",
                              host.online_cpus));
}

}  // namespace pm
