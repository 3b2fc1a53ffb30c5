// SPDX-License-Identifier: Apache-2.0
#include "loader/host/device.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include <fmt/core.h>

#include "loader/base/file.h"
#include "loader/host/netlink.h"
#include "policy/base/fd.h"

namespace pm {
namespace {

// Of any family: these requests are about devices, and a sandbox may allow no other.
Fd request_socket() {
    return Fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

ifreq request_for(const std::string &name) {
    ifreq request = {};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    return request;
}

// One of the ETHTOOL_ commands; the answer is in `command`.
bool ask_ethtool(int socket, const std::string &name, void *command) {
    ifreq request = request_for(name);
    request.ifr_data = static_cast<char *>(command);
    return ioctl(socket, SIOCETHTOOL, &request) == 0;
}

std::string driver_of(int socket, const std::string &name) {
    ethtool_drvinfo info = {};
    info.cmd = ETHTOOL_GDRVINFO;
    return ask_ethtool(socket, name, &info) ? info.driver : "";
}

// A command that ends in an array of `count` elements of `size` bytes.
template <typename Command>
class EthtoolCommand {
public:
    EthtoolCommand(std::uint32_t command, std::size_t count, std::size_t size)
        : memory_(sizeof(Command) / 8 + 1 + count * size / 8 + 1) {
        get()->cmd = command;
    }
    Command *get() { return reinterpret_cast<Command *>(memory_.data()); }
    Command *operator->() { return get(); }

private:
    std::vector<std::uint64_t> memory_;
};

std::uint32_t count_features(int socket, const std::string &name) {
    EthtoolCommand<ethtool_sset_info> info(ETHTOOL_GSSET_INFO, 1, sizeof(std::uint32_t));
    info->sset_mask = std::uint64_t{1} << ETH_SS_FEATURES;
    if (!ask_ethtool(socket, name, info.get()) || info->sset_mask == 0) return 0;
    return info->data[0];
}

// Is this how the kernel says that there is no such interface? ENXIO is the C library's word for
// it.
bool is_absent(int error) {
    return error == ENODEV || error == ENXIO;
}

std::string trim(const std::string &text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string::npos
               ? ""
               : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

Result<Device> find_device(const std::string &name) {
    Device found;
    errno = ENODEV;
    found.index = name.size() < IFNAMSIZ ? if_nametoindex(name.c_str()) : 0;
    char own[IF_NAMESIZE];
    if (found.index == 0 || !if_indextoname(found.index, own)) {
        if (!is_absent(errno))
            return cannot(fmt::format("ask about the interface '{}'", name), errno);
        return fault(fmt::format("there is no interface '{}'", name),
                     "see 'ip link' for what there is");
    }
    found.name = own;
    const Fd fd = request_socket();
    ifreq request = request_for(name);
    if (ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0)
        return cannot(fmt::format("ask about the interface '{}'", name), errno);
    found.loopback = request.ifr_flags & IFF_LOOPBACK;
    if (ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0)
        return cannot(fmt::format("ask about the interface '{}'", name), errno);
    found.ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
    found.driver = driver_of(fd.get(), found.name);
    return found;
}

Result<std::optional<Device>> look_up_device(std::uint32_t index) {
    // It may be renamed between the questions, and must not be taken for absent then.
    constexpr int attempts_most = 100;
    Result<Device> device;
    for (int attempt = 0; attempt < attempts_most; ++attempt) {
        char name[IF_NAMESIZE];
        if (!if_indextoname(index, name)) {
            if (is_absent(errno)) return std::nullopt;
            return cannot(fmt::format("ask about the interface with the index {}", index), errno);
        }
        device = find_device(name);
        if (device && device->index == index) return std::move(*device);
    }
    if (!device) return tl::unexpected(device.error());
    return fault(fmt::format("the interface with the index {} is renamed again and again", index));
}

Result<Device> find_device_by_index(std::uint32_t index) {
    auto found = look_up_device(index);
    if (!found) return tl::unexpected(found.error());
    if (!*found) return fault(fmt::format("there is no interface with the index {}", index));
    return std::move(**found);
}

Result<std::vector<Device>> all_devices() {
    auto links = all_links();
    if (!links) return tl::unexpected(links.error());
    std::vector<Device> all;
    for (const Link &one : *links) {
        auto found = look_up_device(one.index);
        if (!found) return tl::unexpected(found.error());
        if (*found) all.push_back(std::move(**found));  // else it has gone meanwhile
    }
    return all;
}

Result<std::vector<std::string>> vlans_of(const std::string &name) {
    // Lines "eth0.100  | 100  | eth0" under two lines of heading.
    std::vector<std::string> vlans;
    constexpr const char *config = "/proc/net/vlan/config";  // there once the first VLAN was made
    if (access(config, F_OK) != 0 && errno == ENOENT) return vlans;
    auto text = read_file(config);
    if (!text) return tl::unexpected(text.error());
    std::istringstream file(*text);
    for (std::string line; std::getline(file, line);) {
        const auto first = line.find('|'), second = line.rfind('|');
        if (first == second || trim(line.substr(second + 1)) != name) continue;
        vlans.push_back(trim(line.substr(0, first)));
    }
    return vlans;
}

std::optional<std::set<std::string>> active_features(const std::string &name) {
    std::set<std::string> active;
    const Fd fd = request_socket();
    const std::uint32_t count = count_features(fd.get(), name), blocks = (count + 31) / 32;
    if (count == 0) return std::nullopt;
    EthtoolCommand<ethtool_gstrings> names(ETHTOOL_GSTRINGS, count, ETH_GSTRING_LEN);
    names->string_set = ETH_SS_FEATURES;
    names->len = count;
    EthtoolCommand<ethtool_gfeatures> features(ETHTOOL_GFEATURES, blocks,
                                               sizeof(ethtool_get_features_block));
    features->size = blocks;
    if (!ask_ethtool(fd.get(), name, names.get()) || !ask_ethtool(fd.get(), name, features.get()))
        return std::nullopt;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto *feature =
            reinterpret_cast<const char *>(names->data) + std::size_t{i} * ETH_GSTRING_LEN;
        if (features->features[i / 32].active >> i % 32 & 1)
            active.emplace(feature, strnlen(feature, ETH_GSTRING_LEN));
    }
    return active;
}

unsigned receive_queues(const std::string &name) {
    ethtool_channels channels = {};
    channels.cmd = ETHTOOL_GCHANNELS;
    return ask_ethtool(request_socket().get(), name, &channels)
               ? channels.rx_count + channels.combined_count
               : 0;
}

unsigned mtu_of(const std::string &name) {
    const Fd fd = request_socket();
    ifreq request = request_for(name);
    return ioctl(fd.get(), SIOCGIFMTU, &request) == 0 ? static_cast<unsigned>(request.ifr_mtu) : 0;
}

}  // namespace pm
