// SPDX-License-Identifier: Apache-2.0
#include "loader/base/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include <fmt/core.h>

namespace pm {
namespace {

Result<Fd> open_lock(const Paths &paths, const char *name) {
    if (auto made = make_private_folder(paths.run); !made) return tl::unexpected(made.error());
    const std::filesystem::path path = paths.run / name;
    Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return cannot(fmt::format("open the lock {}", path.string()), errno);
    return fd;
}

// " (pid N)" of the process that wrote it last; empty: it did not.
std::string holder(int fd) {
    char text[16] = {};
    const ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
    return size > 0 ? fmt::format(" (pid {})", std::string(text, static_cast<std::size_t>(size)))
                    : std::string();
}

}  // namespace

const Lock::Kind Lock::writers = {.file = "lock",
                                  .doing = "is changing the policy",
                                  .remedy = "wait until it is done, then try again"};
const Lock::Kind Lock::watchers = {
    .file = "watch", .doing = "is watching already", .remedy = "one is enough for a host"};

Result<Lock> Lock::acquire(const Paths &paths, const Kind &kind, int tries) {
    constexpr timespec pause = {0, 10'000'000};
    auto fd = open_lock(paths, kind.file);
    if (!fd) return tl::unexpected(fd.error());
    while (flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return cannot("take the lock", errno);
        if (--tries == 0)
            return fault(fmt::format("another portmatrix{} {}", holder(fd->get()), kind.doing),
                         kind.remedy);
        nanosleep(&pause, nullptr);
    }
    // The pid is there only to be named in that message. The kernel knows who holds the lock.
    const std::string pid = std::to_string(getpid());
    if (ftruncate(fd->get(), 0) != 0 || pwrite(fd->get(), pid.data(), pid.size(), 0) < 0)
        return cannot("write the lock", errno);
    return Lock(std::move(*fd));
}

Result<Lock> Lock::writer_now(const Paths &paths) {
    return acquire(paths, writers, 1);
}

Result<Lock> Lock::writer(const Paths &paths) {
    return acquire(paths, writers, 1000);
}

bool Lock::is_changing(const Paths &paths) {
    const Fd fd(open((paths.run / writers.file).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    return fd ? flock(fd.get(), LOCK_SH | LOCK_NB) != 0 : errno != ENOENT;
}

Result<Lock> Lock::watch(const Paths &paths) {
    return acquire(paths, watchers, 1);
}

bool Lock::is_watched(const Paths &paths) {
    const Fd fd(open((paths.run / watchers.file).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    return fd && flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
}

Result<Lock> Lock::ring(const Paths &paths, unsigned number) {
    auto fd = open_lock(paths, fmt::format("events-{}", number).c_str());
    if (!fd) return tl::unexpected(fd.error());
    if (flock(fd->get(), LOCK_EX | LOCK_NB) != 0)
        return fault("another portmatrix reads these events", {}, Exit::refused);
    return Lock(std::move(*fd));
}

Result<Lock> Lock::parachute(const Paths &paths) {
    auto fd = open_lock(paths, "rendering");
    if (!fd) return tl::unexpected(fd.error());
    if (flock(fd->get(), LOCK_EX | LOCK_NB) != 0)
        return fault("another portmatrix renders the parachute", {}, Exit::refused);
    return Lock(std::move(*fd));
}

Result<Lock> Lock::probe(const Paths &paths) {
    auto fd = open_lock(paths, "question");
    if (!fd) return tl::unexpected(fd.error());
    if (flock(fd->get(), LOCK_EX) != 0) return cannot("wait for the probe programs", errno);
    return Lock(std::move(*fd));
}

}  // namespace pm
