// SPDX-License-Identifier: Apache-2.0
#include "loader/interface.h"

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <fstream>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include "loader/fd.h"

namespace pm {
namespace {

ifreq request_for(const std::string &name) {
    ifreq request = {};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    return request;
}

std::string driver_of(int socket, const std::string &name) {
    ethtool_drvinfo info = {};
    info.cmd = ETHTOOL_GDRVINFO;
    ifreq request = request_for(name);
    request.ifr_data = reinterpret_cast<char *>(&info);
    return ioctl(socket, SIOCETHTOOL, &request) == 0 ? info.driver : "";
}

bpf_prog_info info_of(int fd) {
    bpf_prog_info info = {};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return {};
    return info;
}

std::string trim(const std::string &text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string::npos
               ? ""
               : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

Result<Interface> find_interface(const std::string &name) {
    Interface found;
    found.index = name.size() < IFNAMSIZ ? if_nametoindex(name.c_str()) : 0;
    char own[IF_NAMESIZE];
    if (found.index == 0 || !if_indextoname(found.index, own))
        return fault(fmt::format("there is no interface '{}'", name),
                     "see 'ip link' for what there is");
    found.name = own;
    // Of any family: these requests are about devices, and a sandbox may allow no other.
    const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = request_for(name);
    if (ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0)
        return cannot(fmt::format("ask about the interface '{}'", name), errno);
    found.loopback = request.ifr_flags & IFF_LOOPBACK;
    found.bond = request.ifr_flags & (IFF_MASTER | IFF_SLAVE);
    if (ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0)
        return cannot(fmt::format("ask about the interface '{}'", name), errno);
    found.ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
    found.driver = driver_of(fd.get(), found.name);
    return found;
}

std::vector<Interface> all_interfaces() {
    std::vector<Interface> all;
    struct if_nameindex *names = if_nameindex();
    for (const struct if_nameindex *one = names; one && one->if_index != 0; one++)
        if (auto found = find_interface(one->if_name)) all.push_back(std::move(*found));
    if_freenameindex(names);
    return all;
}

Result<std::optional<XdpProgram>> attached_xdp(const Interface &interface) {
    bpf_xdp_query_opts options = {};
    options.sz = sizeof(options);
    if (int error = bpf_xdp_query(static_cast<int>(interface.index), 0, &options))
        return cannot(fmt::format("ask which XDP program is on {}", interface.name), error);
    if (options.attach_mode == XDP_ATTACHED_NONE) return std::nullopt;
    XdpProgram program;
    for (const std::uint32_t id :
         {options.prog_id, options.drv_prog_id, options.skb_prog_id, options.hw_prog_id})
        if (program.id == 0) program.id = id;
    const Fd fd(bpf_prog_get_fd_by_id(program.id));
    program.name = fd ? program_name(fd.get()) : "";
    return program;
}

std::vector<std::string> vlans_of(const std::string &name) {
    // Lines "eth0.100  | 100  | eth0" under two lines of heading.
    std::vector<std::string> vlans;
    std::ifstream file("/proc/net/vlan/config");
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find('|'), second = line.rfind('|');
        if (first == second || trim(line.substr(second + 1)) != name) continue;
        vlans.push_back(trim(line.substr(0, first)));
    }
    return vlans;
}

std::string program_name(int fd) {
    return info_of(fd).name;
}

std::uint32_t program_id(int fd) {
    return info_of(fd).id;
}

}  // namespace pm
