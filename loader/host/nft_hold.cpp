// SPDX-License-Identifier: Apache-2.0
#include "loader/host/nft_hold.h"

#include <linux/close_range.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include <fmt/core.h>

#include "loader/base/file.h"
#include "loader/host/nft_context.h"
#include "loader/host/nft_tables.h"
#include "policy/base/fd.h"
#include "policy/base/whole_file.h"

namespace pm {
namespace {

constexpr const char *what = "hold a copy of the table";
constexpr const char *holds = "holds";  // what the child says once it does

// Nothing of the parent's is kept open, above all no lock. Returns a copy of `keep`; none: that
// cannot be had.
Fd close_others(int keep) {
    constexpr int kept = STDERR_FILENO + 1;
    if (keep != kept && dup3(keep, kept, O_CLOEXEC) < 0) return {};
    const int silence = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (dup2(silence, fd) < 0) return {};
    return close_range(kept + 1, ~0U, 0) == 0 ? Fd(kept) : Fd();
}

// 0: it cannot be seen.
ino_t inode_of(const std::filesystem::path &file) {
    struct stat status = {};
    return lstat(file.c_str(), &status) == 0 ? status.st_ino : 0;
}

// Returns once the file is removed or replaced. A host may have no inotify left to give.
void await_end_of(const std::filesystem::path &file) {
    const ino_t inode = inode_of(file);
    const Fd events(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    const bool is_told = inotify_add_watch(events.get(), file.c_str(),
                                           IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) >= 0;
    while (inode && inode_of(file) == inode) {
        pollfd wait = {events.get(), POLLIN, 0};
        poll(&wait, 1, is_told ? 1000 : 20);
        std::array<char, 4096> buffer;
        while (read(events.get(), buffer.data(), buffer.size()) > 0) {
        }
    }
}

Result<NftContext> make(const std::string &name, const HeldTable::Commands &commands) {
    return NftContext::open().and_then([&](NftContext nft) -> Result<NftContext> {
        // JSON has no word for it before nftables 1.1.
        auto made =
            nft.run(fmt::format("add table inet {} {{ flags owner; }}", name)).and_then([&] {
                return nft.run(commands(name));
            });
        if (!made) return tl::unexpected(made.error());
        return nft;
    });
}

// The body of the child, which ends with it. `out` gets a message, or that it holds the table.
void hold_here(const std::filesystem::path &file, const HeldTable::Commands &commands, Fd out) {
    const std::string name = fmt::format("portmatrix-held-{}-{}", file.stem().string(), getpid());
    const auto nft = make(name, commands);
    const Done told = nft ? write_file(file, name) : Done(tl::unexpected(nft.error()));
    (void)write_whole(out.get(), told ? holds : told.error().message);
    out = Fd();
    if (!told) return;
    (void)malloc_trim(0);  // making the table took much memory, holding it takes none
    await_end_of(file);
}

}  // namespace

Done HeldTable::hold(const Commands &commands) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return cannot(what, errno);
    const Fd from(ends[0]);
    Fd to(ends[1]);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) return cannot(what, errno);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        Fd out = close_others(to.get());
        if (out && getppid() == parent) hold_here(file_, commands, std::move(out));
        _exit(0);
    }
    to = Fd();
    const auto answer = read_whole(from.get(), 256, longest_nft_message);
    const bool is_holding = answer && *answer == holds;
    const pid_t ended = is_holding ? std::exchange(holder_, child) : child;
    if (ended) {
        kill(ended, SIGKILL);
        while (waitpid(ended, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    if (is_holding) return {};
    return fault(fmt::format("cannot {}: {}", what,
                             answer && !answer->empty() ? *answer : "nftables says no more"));
}

bool HeldTable::is_held() {
    if (holder_ && waitpid(holder_, nullptr, WNOHANG) != 0) holder_ = 0;
    return holder_ != 0 && pm::is_held(file_);  // a table goes before its process
}

bool is_held(const std::filesystem::path &file) {
    const auto name = read_file(file);
    return name && has_nft_table(*name).value_or(false);
}

Done let_go(const std::filesystem::path &file) {
    constexpr int tries = 500;
    const std::filesystem::path going = file.string() + ".going";  // until it has gone
    if (rename(file.c_str(), going.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
        return cannot(fmt::format("rename {}", file.string()), errno);
    if (inode_of(going) == 0) return {};
    const auto name = read_file(going);
    if (!name) return tl::unexpected(name.error());
    for (int i = 0; i < tries; ++i) {
        if (!has_nft_table(*name).value_or(true)) {
            unlink(going.c_str());
            return {};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return fault(fmt::format("the table {} still filters: its process does not end", *name),
                 "systemctl restart portmatrix");
}

}  // namespace pm
