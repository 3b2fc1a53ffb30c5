// SPDX-License-Identifier: Apache-2.0
// BPF programs in the kernel, whoever loaded them.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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
    bool generic = false;  // it sees packets after the driver; else in the driver or the device
};

// The XDP programs on the interface, whoever attached them, as the device itself answers: a generic
// one may stand beside another.
Result<std::vector<XdpProgram>> xdp_programs(std::uint32_t ifindex);

// The first of them.
Result<std::optional<XdpProgram>> attached_xdp(const Device &device);

}  // namespace pm
