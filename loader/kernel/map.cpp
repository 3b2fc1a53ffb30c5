// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/map.h"

#include <fmt/core.h>

namespace pm {
namespace {

constexpr const char *damaged =
    "the pinned state is damaged: 'detach --all --force', then apply again";

}  // namespace

Result<bpf_map_info> map_info(int fd, const std::string &name) {
    bpf_map_info info = {};
    std::uint32_t size = sizeof(info);

    if (fd < 0) return fault(fmt::format("cannot find the map '{}'", name), damaged);
    if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0)
        return cannot(fmt::format("ask about the map '{}'", name), errno);
    return info;
}

Result<bpf_map_info> check_map(int fd, const std::string &name, std::size_t key,
                               std::size_t value) {
    auto info = map_info(fd, name);
    if (info && (info->key_size != key || info->value_size != value))
        return fault(fmt::format("the map '{}' has entries of {} and {} bytes, not {} and {}", name,
                                 info->key_size, info->value_size, key, value),
                     damaged);
    return info;
}

}  // namespace pm
