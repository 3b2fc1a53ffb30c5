// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/memory.h"

#include <fmt/core.h>

namespace pm {

void examine_memory(const MapMemory &maps, const HostMemory &host, Findings &findings) {
    MapMemory first = maps;
    first.interfaces = 1;
    const bool are_there = maps.interfaces > 0;
    if (const auto enough = check_memory(first, host); !are_there && !enough)
        return findings.warning("memory", enough.error().message, enough.error().hint);
    const std::string each = fmt::format("{} MB, and {} MB for each interface",
                                         megabytes(maps.shared), megabytes(maps.interface));
    std::string text =
        are_there ? fmt::format("the maps take {}, {} MB in all", each, megabytes(maps.all()))
                  : fmt::format("with the default flow-capacity the maps would take {}", each);
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
