// SPDX-License-Identifier: Apache-2.0
#include "loader/host/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <vector>

#include "policy/base/fd.h"

namespace pm {
namespace {

ifreq request_for(const std::string &interface) {
    ifreq request = {};
    std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
    return request;
}

bool ask(const std::string &interface, void *command) {
    const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = request_for(interface);
    request.ifr_data = static_cast<char *>(command);
    return ioctl(fd.get(), SIOCETHTOOL, &request) == 0;
}

// A command that ends in an array of `count` elements of `size` bytes.
template <class Command>
class Asked {
public:
    Asked(std::uint32_t command, std::size_t count, std::size_t size)
        : memory_(sizeof(Command) / 8 + 1 + count * size / 8 + 1) {
        get()->cmd = command;
    }
    Command *get() { return reinterpret_cast<Command *>(memory_.data()); }
    Command *operator->() { return get(); }

private:
    std::vector<std::uint64_t> memory_;
};

std::uint32_t count_features(const std::string &interface) {
    Asked<ethtool_sset_info> info(ETHTOOL_GSSET_INFO, 1, sizeof(std::uint32_t));
    info->sset_mask = std::uint64_t{1} << ETH_SS_FEATURES;
    if (!ask(interface, info.get()) || info->sset_mask == 0) return 0;
    return info->data[0];
}

}  // namespace

std::set<std::string> active_features(const std::string &interface) {
    std::set<std::string> active;
    const std::uint32_t count = count_features(interface), blocks = (count + 31) / 32;
    if (count == 0) return active;
    Asked<ethtool_gstrings> names(ETHTOOL_GSTRINGS, count, ETH_GSTRING_LEN);
    names->string_set = ETH_SS_FEATURES;
    names->len = count;
    Asked<ethtool_gfeatures> features(ETHTOOL_GFEATURES, blocks,
                                      sizeof(ethtool_get_features_block));
    features->size = blocks;
    if (!ask(interface, names.get()) || !ask(interface, features.get())) return active;
    for (std::uint32_t i = 0; i < count; i++) {
        const auto *name =
            reinterpret_cast<const char *>(names->data) + std::size_t{i} * ETH_GSTRING_LEN;
        if (features->features[i / 32].active >> i % 32 & 1)
            active.emplace(name, strnlen(name, ETH_GSTRING_LEN));
    }
    return active;
}

unsigned receive_queues(const std::string &interface) {
    ethtool_channels channels = {};
    channels.cmd = ETHTOOL_GCHANNELS;
    return ask(interface, &channels) ? channels.rx_count + channels.combined_count : 0;
}

unsigned mtu_of(const std::string &interface) {
    const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request = request_for(interface);
    return ioctl(fd.get(), SIOCGIFMTU, &request) == 0 ? static_cast<unsigned>(request.ifr_mtu) : 0;
}

}  // namespace pm
