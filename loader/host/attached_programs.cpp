// SPDX-License-Identifier: Apache-2.0
#include "loader/host/attached_programs.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <utility>

#include <bpf/bpf.h>
#include <libmnl/libmnl.h>

#include "loader/host/netlink_request.h"
#include "policy/base/fd.h"

namespace pm {
namespace {

bpf_prog_info info_of(int fd) {
    bpf_prog_info info = {};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return {};
    return info;
}

// What a device says of its XDP programs: their ids, 0: none.
struct XdpAttributes {
    bool answered = false;
    std::uint32_t native = 0, generic = 0, hardware = 0;
};

int read_xdp_attribute(const nlattr *attribute, void *context) {
    auto &found = *static_cast<XdpAttributes *>(context);
    switch (mnl_attr_get_type(attribute)) {
        case IFLA_XDP_ATTACHED:
            found.answered = true;
            break;
        case IFLA_XDP_DRV_PROG_ID:
            found.native = mnl_attr_get_u32(attribute);
            break;
        case IFLA_XDP_SKB_PROG_ID:
            found.generic = mnl_attr_get_u32(attribute);
            break;
        case IFLA_XDP_HW_PROG_ID:
            found.hardware = mnl_attr_get_u32(attribute);
            break;
    }
    return MNL_CB_OK;
}

int read_link_attribute(const nlattr *attribute, void *context) {
    if (mnl_attr_get_type(attribute) == IFLA_XDP)
        mnl_attr_parse_nested(attribute, read_xdp_attribute, context);
    return MNL_CB_OK;
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

Result<std::vector<XdpProgram>> xdp_programs(std::uint32_t ifindex) {
    std::array<char, 256> buffer = {};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = RTM_GETLINK;
    auto *about = static_cast<ifinfomsg *>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
    about->ifi_index = static_cast<int>(ifindex);
    XdpAttributes found;
    auto asked = ask_netlink(NETLINK_ROUTE, request, [&](const nlmsghdr *message) {
        mnl_attr_parse(message, sizeof(ifinfomsg), read_link_attribute, &found);
    });
    if (!asked) return cannot("ask which XDP program is on the interface", asked.error().number);
    if (!found.answered)
        return cannot("ask which XDP program is on the interface", ENOMSG);  // no IFLA_XDP
    std::vector<XdpProgram> programs;
    for (const auto &[id, generic] :
         {std::pair(found.native, false), std::pair(found.hardware, false),
          std::pair(found.generic, true)})
        if (id != 0)
            programs.push_back({.id = id, .name = name_of_program(id), .generic = generic});
    return programs;
}

Result<std::optional<XdpProgram>> attached_xdp(const Device &device) {
    return xdp_programs(device.index)
        .map([](const std::vector<XdpProgram> &all) -> std::optional<XdpProgram> {
            if (all.empty()) return std::nullopt;
            return all.front();
        });
}

}  // namespace pm
