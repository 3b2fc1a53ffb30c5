// SPDX-License-Identifier: Apache-2.0
#include "loader/host/device.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <fstream>

#include <fmt/core.h>

#include "policy/base/fd.h"

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

}  // namespace pm
