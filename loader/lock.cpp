// SPDX-License-Identifier: Apache-2.0
#include "loader/lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <string>

#include <fmt/core.h>

namespace pm {
namespace {

Result<Fd> open_lock(const Places &places, const char *name) {
    if (auto made = check_private_folder(places.run, true); !made)
        return tl::unexpected(made.error());
    const std::filesystem::path path = places.run / name;
    Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return cannot(fmt::format("open the lock {}", path.string()), errno);
    return fd;
}

std::string holder(int fd) {
    char text[16] = {};
    const ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
    return size > 0 ? fmt::format(" (pid {})", std::string(text, static_cast<std::size_t>(size)))
                    : std::string();
}

}  // namespace

Result<Lock> Lock::writer(const Places &places) {
    auto fd = open_lock(places, "lock");
    if (!fd) return tl::unexpected(fd.error());
    if (flock(fd->get(), LOCK_EX | LOCK_NB) != 0)
        return fault(fmt::format("another portmatrix{} is changing the policy", holder(fd->get())),
                     "wait until it is done, then try again");
    // Only to be named in that message; who holds the lock, the kernel knows.
    const std::string pid = std::to_string(getpid());
    if (ftruncate(fd->get(), 0) != 0 || pwrite(fd->get(), pid.data(), pid.size(), 0) < 0)
        return cannot("write the lock", errno);
    return Lock(std::move(*fd));
}

Result<Lock> Lock::question(const Places &places) {
    auto fd = open_lock(places, "question");
    if (!fd) return tl::unexpected(fd.error());
    if (flock(fd->get(), LOCK_EX) != 0) return cannot("wait for the probe programs", errno);
    return Lock(std::move(*fd));
}

}  // namespace pm
