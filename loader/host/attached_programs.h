// SPDX-License-Identifier: Apache-2.0
// BPF programs in the kernel, whoever loaded them.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <optional>
#include <string>

#include "loader/base/fault.h"
#include "loader/host/device.h"

namespace pm {

// The hooks of TCX: Linux 6.6 has them, our headers are older.
inline constexpr auto tcx_ingress = static_cast<bpf_attach_type>(46);
inline constexpr auto tcx_egress = static_cast<bpf_attach_type>(47);

std::string program_name(int fd);               // of a loaded program; empty if it cannot be asked
std::uint32_t program_id(int fd);               // 0 if it cannot be asked
std::string name_of_program(std::uint32_t id);  // likewise empty

struct XdpProgram {
    std::uint32_t id = 0;
    std::string name;
};

// The XDP program on the interface, whoever attached it.
Result<std::optional<XdpProgram>> attached_xdp(const Device &device);

}  // namespace pm
