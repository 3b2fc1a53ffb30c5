// SPDX-License-Identifier: Apache-2.0
#include "loader/host/nftables.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include <fmt/core.h>

#include "policy/base/fd.h"
#include "policy/base/whole_file.h"

namespace pm {
namespace {

constexpr std::size_t longest_message = 65536;

// nftables' own words: the first line, without what points to places in the text.
std::string first_line(std::string text) {
    if (const std::size_t at = text.find("Error: "); at != std::string::npos)
        text = text.substr(at + 7);
    text.resize(std::min(text.size(), text.find('\n')));
    return text;
}

// Runs in the child. Returns the exit status; what goes wrong is written to `out`.
int run_here(const std::string &text, NftRun run, int out) {
    // The library prints there too.
    const Fd silence(open("/dev/null", O_WRONLY | O_CLOEXEC));
    (void)dup2(silence.get(), STDERR_FILENO);  // what it would print is told otherwise as well
    // nft_ctx_new() would end the process.
    const Fd probe(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    std::string message;
    if (!probe) {
        message = fmt::format("no netlink of netfilter (errno {})", errno);
    } else if (nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT); !nft) {
        message = "libnftables cannot begin";
    } else {
        nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
        nft_ctx_set_dry_run(nft, run == NftRun::dry);
        nft_ctx_buffer_output(nft);
        nft_ctx_buffer_error(nft);
        if (nft_run_cmd_from_buffer(nft, text.c_str()) == 0) return 0;
        message = nft_ctx_get_error_buffer(nft);
    }
    (void)write_whole(out, first_line(message));  // the exit status says enough
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
    auto message = read_whole(from.get(), 256, longest_message);
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
