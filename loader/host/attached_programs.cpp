// SPDX-License-Identifier: Apache-2.0
#include "loader/host/attached_programs.h"

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include "policy/base/fd.h"

namespace pm {
namespace {

bpf_prog_info info_of(int fd) {
    bpf_prog_info info = {};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return {};
    return info;
}

}  // namespace

std::string program_name(int fd) {
    return info_of(fd).name;
}

std::uint32_t program_id(int fd) {
    return info_of(fd).id;
}

std::string name_of_program(std::uint32_t id) {
    const Fd fd(bpf_prog_get_fd_by_id(id));
    return fd ? program_name(fd.get()) : "";
}

Result<std::optional<XdpProgram>> attached_xdp(const Device &device) {
    bpf_xdp_query_opts options = {};
    options.sz = sizeof(options);
    if (int error = bpf_xdp_query(static_cast<int>(device.index), 0, &options))
        return cannot(fmt::format("ask which XDP program is on {}", device.name), error);
    if (options.attach_mode == XDP_ATTACHED_NONE) return std::nullopt;
    XdpProgram program;
    for (const std::uint32_t id :
         {options.prog_id, options.drv_prog_id, options.skb_prog_id, options.hw_prog_id})
        if (program.id == 0) program.id = id;
    program.name = name_of_program(program.id);
    return program;
}

}  // namespace pm
