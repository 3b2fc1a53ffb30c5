// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/unfilter.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>

#include "loader/attach/attach.h"
#include "loader/attach/takeover.h"
#include "loader/base/file.h"
#include "loader/kernel/pins.h"

namespace pm {
namespace fs = std::filesystem;

Result<std::vector<std::string>> unfilter_all(const Paths &paths) {
    auto exists = has_private_folder(paths.pins);
    if (!exists) return tl::unexpected(exists.error());
    std::vector<std::string> names;
    auto entries = list_folder(paths.pins);
    if (!entries) return tl::unexpected(entries.error());
    for (const fs::path &entry : *entries) {
        if (!entry.filename().string().starts_with(interface_prefix)) continue;
        const std::uint32_t index = detach_folder(entry);
        std::array<char, IF_NAMESIZE> name = {};
        if (index != 0 && if_indextoname(index, name.data())) names.emplace_back(name.data());
    }
    forget_left(paths);
    Pins::remove_all(paths);
    std::ranges::sort(names);
    return names;
}

}  // namespace pm
