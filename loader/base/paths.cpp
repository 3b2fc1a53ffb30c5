// SPDX-License-Identifier: Apache-2.0
#include "loader/base/paths.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include <fmt/core.h>

#include "policy/base/fd.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

fs::path environment_or(const char *name, const char *otherwise) {
    const char *value = std::getenv(name);
    fs::path path(value && *value ? value : otherwise);
    path = path.lexically_normal();
    return path.has_filename() ? path : path.parent_path();  // without a slash at the end
}

// `last`: it is the folder itself, else one on the way to it.
Done check_folder(int fd, const fs::path &path, bool last) {
    struct stat status;
    if (fstat(fd, &status) != 0) return cannot(fmt::format("look at {}", path.string()), errno);
    if (status.st_uid != 0)
        return fault(
            fmt::format("{} is owned by user {}, not by root", path.string(), status.st_uid),
            "whoever owns it could open the host; choose another folder, or chown it");
    const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    if (others_write && (last || !(status.st_mode & S_ISVTX)))
        return fault(fmt::format("{} (mode {:04o}) is writable by others than root", path.string(),
                                 status.st_mode & 07777),
                     fmt::format("whoever can write there could open the host: chmod 0700 {}",
                                 path.string()));
    return {};
}

enum class IfMissing { make, tell };

// Walks down to the folder and checks each on the way. False: it is missing.
Result<bool> walk_to(const fs::path &path, IfMissing if_missing) {
    if (!path.is_absolute())
        return fault(fmt::format("'{}' is no absolute path", path.string()), {}, Exit::usage);

    Fd at(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    fs::path so_far = "/";
    for (const fs::path &part : path.relative_path()) {
        const bool last = so_far / part == path;
        so_far /= part;
        constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        Fd next(openat(at.get(), part.c_str(), flags));
        if (!next && errno == ENOENT) {
            if (if_missing == IfMissing::tell) return false;
            if (mkdirat(at.get(), part.c_str(), last ? 0700 : 0755) != 0 && errno != EEXIST)
                return cannot(fmt::format("make the folder {}", so_far.string()), errno);
            next = Fd(openat(at.get(), part.c_str(), flags));
        }
        if (!next && (errno == ELOOP || errno == ENOTDIR))
            return fault(fmt::format("{} is a link or no folder", so_far.string()),
                         "links are not followed: name the folder itself");
        if (!next) return cannot(fmt::format("open the folder {}", so_far.string()), errno);
        if (auto checked = check_folder(next.get(), so_far, last); !checked)
            return tl::unexpected(checked.error());
        at = std::move(next);
    }
    return true;
}

}  // namespace

Paths Paths::from_environment() {
    return {.pins = environment_or("PORTMATRIX_PIN_DIR", "/sys/fs/bpf/portmatrix"),
            .state = environment_or("PORTMATRIX_STATE_DIR", "/var/lib/portmatrix"),
            .run = environment_or("PORTMATRIX_RUN_DIR", "/run/portmatrix")};
}

std::vector<fs::path> include_path() {
    std::vector<fs::path> folders;
    const char *value = std::getenv("PORTMATRIX_POLICY_PATH");
    std::string_view rest = value ? value : "";
    while (!rest.empty()) {
        const std::string_view folder = rest.substr(0, rest.find(':'));
        if (!folder.empty()) folders.emplace_back(folder);
        rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    }
    folders.emplace_back("/usr/share/portmatrix/policies");
    return folders;
}

fs::path policy_file() {
    return environment_or("PORTMATRIX_POLICY_FILE", "/etc/portmatrix/policy.yaml");
}

Result<bool> has_private_folder(const fs::path &path) {
    return walk_to(path, IfMissing::tell);
}

Done make_private_folder(const fs::path &path) {
    return walk_to(path, IfMissing::make).map([](bool) {});
}

}  // namespace pm
