// SPDX-License-Identifier: Apache-2.0
#include "loader/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/core.h>

#include "policy/base/fd.h"
#include "policy/base/whole_file.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t guessed_size = 65536;  // bytes

}  // namespace

Result<std::string> read_file(const fs::path &path) {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer. A regular file ignores it.
    Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status = {};
    if (!fd || fstat(fd.get(), &status) != 0)
        return cannot(fmt::format("read {}", path.string()), errno);
    if (!S_ISREG(status.st_mode))
        return fault(fmt::format("cannot read {}: it is not a regular file", path.string()),
                     "look at what has put it there, and remove it");
    auto text = read_whole(fd.get(), guessed_size, std::string().max_size() / 4);
    if (!text) return cannot(fmt::format("read {}", path.string()), text.error());
    return std::move(*text);
}

Result<std::vector<fs::path>> list_folder(const fs::path &path) {
    std::vector<fs::path> entries;
    std::error_code error;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error))
        entries.push_back(at->path());
    if (error && error.value() != ENOENT)
        return cannot(fmt::format("read the folder {}", path.string()), error.value());
    return entries;
}

std::uint64_t size_on_disk(const fs::path &path) {
    struct stat status = {};
    if (lstat(path.c_str(), &status) != 0) return 0;
    return static_cast<std::uint64_t>(status.st_blocks) * 512;  // the unit of stat(2)
}

Done write_new(const fs::path &path, std::string_view content, Sync sync, mode_t mode) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return cannot(fmt::format("write {}", path.string()), errno);
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd || fchmod(fd.get(), mode) != 0)
        return cannot(fmt::format("write {}", path.string()), errno);
    if (const int error = write_whole(fd.get(), content))
        return cannot(fmt::format("write {}", path.string()), error);
    if (sync == Sync::now && fsync(fd.get()) != 0)
        return cannot(fmt::format("sync {}", path.string()), errno);
    return {};
}

Done sync_folder(const fs::path &path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || fsync(fd.get()) != 0) return cannot(fmt::format("sync {}", path.string()), errno);
    return {};
}

Done write_file(const fs::path &path, std::string_view content, mode_t mode) {
    fs::path aside = path;
    aside += ".new";
    if (auto written = write_new(aside, content, Sync::now, mode); !written) return written;
    if (rename(aside.c_str(), path.c_str()) != 0)
        return cannot(fmt::format("replace {}", path.string()), errno);
    return sync_folder(path.has_parent_path() ? path.parent_path() : ".");
}

}  // namespace pm
