// SPDX-License-Identifier: Apache-2.0
#include "loader/state/detached.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <system_error>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/file.h"

namespace pm {
namespace {

constexpr const char *detached_file = "detached";

}  // namespace

Result<std::vector<std::string>> detached_names(const Paths &paths) {
    std::vector<std::string> names;
    std::error_code error;
    const std::filesystem::path path = paths.run / detached_file;
    if (!std::filesystem::exists(path, error) && !error) return names;
    auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    std::istringstream lines(*text);
    for (std::string name; std::getline(lines, name);) names.push_back(name);
    return names;
}

std::vector<std::string> without_detached(const Paths &paths, std::vector<std::string> names) {
    const auto detached = detached_names(paths);
    if (!detached) return names;
    std::erase_if(names, [&](const std::string &name) {
        return std::ranges::find(*detached, name) != detached->end();
    });
    return names;
}

Done set_detached_names(const Paths &paths, const std::vector<std::string> &names) {
    std::error_code error;
    if (names.empty()) {
        std::filesystem::remove(paths.run / detached_file, error);
        return {};
    }
    return write_file(paths.run / detached_file, fmt::format("{}\n", fmt::join(names, "\n")));
}

}  // namespace pm
