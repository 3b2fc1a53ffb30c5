// SPDX-License-Identifier: Apache-2.0
#include "policy/base/source_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "policy/base/errno_text.h"
#include "policy/base/fd.h"
#include "policy/base/text.h"
#include "policy/base/whole_file.h"

namespace pm {
namespace {

SourceError system_error(int number) {
    return {errno_text(number), {}, number == ENOENT};
}

SourceError too_large(std::size_t limit) {
    return {fmt::format("it is larger than {} MB, the limit", limit >> 20), {}};
}

std::string kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a named pipe";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

// Root, the caller, and whoever called through sudo.
bool is_trusted_owner(uid_t owner) {
    const uid_t caller = geteuid();
    if (owner == 0 || owner == caller) return true;
    const char *sudo_user = std::getenv("SUDO_UID");
    return caller == 0 && sudo_user && fmt::format("{}", owner) == sudo_user;
}

// Who can write a policy can open the host to everybody.
tl::expected<void, SourceError> check_file(const struct stat &status, const std::string &name,
                                           std::size_t size_limit) {
    const auto refuse = [](std::string cause, std::string hint) {
        return tl::unexpected(SourceError{std::move(cause), std::move(hint)});
    };
    if (!S_ISREG(status.st_mode))
        return refuse(fmt::format("it is {}, not a file", kind_of(status.st_mode)), "");
    if (!is_trusted_owner(status.st_uid))
        return refuse(
            fmt::format("it belongs to user {}, neither to root nor to the caller", status.st_uid),
            fmt::format("look at what it says, then 'chown root {}'", name));
    if (status.st_mode & S_IWOTH)
        return refuse(
            fmt::format("everybody may write to it (mode {:04o})", status.st_mode & 07777),
            fmt::format("look at what it says, then 'chmod o-w {}'", name));
    if (static_cast<std::size_t>(status.st_size) > size_limit)
        return tl::unexpected(too_large(size_limit));
    return {};
}

// The path of the opened file. The name may mean another file a moment later.
std::string opened_path(int fd, const std::filesystem::path &path) {
    std::error_code error;
    const std::filesystem::path link =
        std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd), error);
    return error ? std::filesystem::absolute(path).lexically_normal().string() : link.string();
}

// Others may read it only if they may search every folder on the way.
bool may_all_read(const struct stat &status, const std::filesystem::path &path) {
    if ((status.st_mode & S_IROTH) == 0) return false;
    for (auto folder = path.parent_path(); folder.has_relative_path();
         folder = folder.parent_path()) {
        struct stat of = {};
        if (stat(folder.c_str(), &of) != 0 || (of.st_mode & S_IXOTH) == 0) return false;
    }
    return true;
}

}  // namespace

// A second name may have been put there as a link is: to have a file shown.
Secret secret_of(int fd, const std::filesystem::path &path) {
    struct stat status = {};
    if (fstat(fd, &status) != 0) return Secret::linked;
    if (!S_ISREG(status.st_mode)) return Secret::no;
    const std::string opened = opened_path(fd, path);
    const bool is_linked = opened != std::filesystem::absolute(path).lexically_normal();
    if ((!is_linked && status.st_nlink <= 1) || may_all_read(status, opened)) return Secret::no;
    return is_linked ? Secret::linked : Secret::second_name;
}

tl::expected<std::shared_ptr<const SourceFile>, SourceError> read_source(
    const std::filesystem::path &path, std::string name, std::size_t size_limit) {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer. A regular file ignores it.
    const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat status {};
    if (file.get() < 0 || fstat(file.get(), &status) < 0)
        return tl::unexpected(system_error(errno));
    if (auto checked = check_file(status, printable(name), size_limit); !checked)
        return tl::unexpected(checked.error());

    auto text = read_whole(file.get(), static_cast<std::size_t>(status.st_size), size_limit);
    if (!text)
        return tl::unexpected(text.error() == EFBIG ? too_large(size_limit)
                                                    : system_error(text.error()));
    return std::make_shared<const SourceFile>(SourceFile{.name = std::move(name),
                                                         .path = opened_path(file.get(), path),
                                                         .text = std::move(*text),
                                                         .secret = secret_of(file.get(), path)});
}

}  // namespace pm
