// SPDX-License-Identifier: Apache-2.0
// Programs that the kernel has loaded, whoever loaded them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "loader/host/device.h"

namespace pm {

std::string program_name(int fd);  // of a loaded program; empty if it cannot be asked
std::uint32_t program_id(int fd);  // 0 if it cannot be asked

struct XdpProgram {
    std::uint32_t id = 0;
    std::string name;
};

// The XDP program on the interface, whoever attached it.
Result<std::optional<XdpProgram>> attached_xdp(const Interface &interface);

}  // namespace pm
