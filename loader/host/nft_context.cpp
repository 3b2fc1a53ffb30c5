// SPDX-License-Identifier: Apache-2.0
#include "loader/host/nft_context.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/core.h>

#include "policy/base/fd.h"

namespace pm {
namespace {

// The first line, without what points to places in the text.
std::string first_line(std::string text) {
    if (const std::size_t at = text.find("Error: "); at != std::string::npos)
        text = text.substr(at + 7);
    text.resize(std::min(text.size(), text.find('\n')));
    return text;
}

}  // namespace

Result<NftContext> NftContext::open() {
    // The library prints there too, what is told otherwise as well.
    const Fd silence(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    (void)dup2(silence.get(), STDERR_FILENO);
    // nft_ctx_new() would end the process.
    if (const Fd probe(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)); !probe)
        return fault(fmt::format("no netlink of netfilter (errno {})", errno));
    NftContext made(nft_ctx_new(NFT_CTX_DEFAULT));
    nft_ctx *nft = made.nft_.get();
    if (!nft) return fault("libnftables cannot begin");
    nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
    nft_ctx_buffer_output(nft);
    nft_ctx_buffer_error(nft);
    return made;
}

Done NftContext::run(const std::string &text) {
    if (nft_run_cmd_from_buffer(nft_.get(), text.c_str()) == 0) return {};
    return fault(first_line(nft_ctx_get_error_buffer(nft_.get())));
}

}  // namespace pm
