// SPDX-License-Identifier: Apache-2.0
#include "loader/state/detached.h"

#include <filesystem>
#include <sstream>

#include <fmt/core.h>

#include "loader/base/file.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

// No interface can have this name: it has a blank.
constexpr const char *all_line = "all interfaces";

fs::path detached_file(const Paths &paths) {
    return paths.run / "detached";
}

}  // namespace

Result<Detached> read_detached(const Paths &paths) {
    Detached detached;
    std::error_code error;
    if (!fs::exists(detached_file(paths), error) && !error) return detached;
    auto text = read_file(detached_file(paths));
    if (!text) return tl::unexpected(text.error());
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        if (line == all_line)
            detached.all = true;
        else
            detached.names.push_back(line);
    }
    return detached;
}

bool is_all_detached(const Paths &paths) {
    const auto detached = read_detached(paths);
    return detached && detached->all;
}

Done write_detached(const Paths &paths, const Detached &detached) {
    std::string text;
    if (detached.all) text += fmt::format("{}\n", all_line);
    for (const std::string &name : detached.names) text += name + "\n";
    if (!text.empty()) return write_file(detached_file(paths), text);
    std::error_code error;
    fs::remove(detached_file(paths), error);
    if (error)
        return cannot(fmt::format("remove {}", detached_file(paths).string()), error.value());
    return {};
}

}  // namespace pm
