// SPDX-License-Identifier: Apache-2.0
#include "loader/host/nftables.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include <fmt/core.h>

#include "loader/host/nft_context.h"
#include "policy/base/fd.h"
#include "policy/base/whole_file.h"

namespace pm {
namespace {

// Runs in the child. Returns the exit status; what goes wrong is written to `out`.
int run_here(const std::string &text, NftRun how, int out) {
    const auto done = NftContext::open().and_then([&](NftContext nft) {
        if (how == NftRun::dry) nft.run_dry();
        return nft.run(text);
    });
    if (done) return 0;
    (void)write_whole(out, done.error().message);  // the exit status says enough
    return 1;
}

}  // namespace

Done run_nftables(const char *what, const std::string &text, NftRun how) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return cannot(what, errno);
    const Fd from(ends[0]);
    Fd to(ends[1]);
    const pid_t child = fork();
    if (child < 0) return cannot(what, errno);
    if (child == 0) _exit(run_here(text, how, to.get()));
    to = Fd();
    auto message = read_whole(from.get(), 256, longest_nft_message);
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return cannot(what, errno);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFSIGNALED(status))
        return fault(fmt::format("cannot {}: ended by signal {}", what, WTERMSIG(status)));
    return fault(fmt::format("cannot {}: {}", what,
                             message && !message->empty() ? *message : "nftables says no more"));
}

}  // namespace pm
