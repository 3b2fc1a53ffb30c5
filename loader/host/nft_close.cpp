// SPDX-License-Identifier: Apache-2.0
#include "loader/host/nft_close.h"

#include <nftables/libnftables.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace pm {
namespace {

struct FreeContext {
    void operator()(nft_ctx *context) const { nft_ctx_free(context); }
};
using Context = std::unique_ptr<nft_ctx, FreeContext>;

// One transaction: all of the text or nothing.
Done run(const std::string &text) {
    const Context context(nft_ctx_new(NFT_CTX_DEFAULT));
    if (!context) return cannot("use nftables", ENOMEM);
    nft_ctx_buffer_output(context.get());
    nft_ctx_buffer_error(context.get());
    if (nft_run_cmd_from_buffer(context.get(), text.c_str()) == 0) return {};
    std::string why = nft_ctx_get_error_buffer(context.get());
    why.resize(std::min(why.find('\n'), why.size()));
    return fault(fmt::format("cannot close a device with nftables: {}", why));
}

bool has_table() {
    return run("list table inet portmatrix-closed").has_value();
}

std::string chain(const char *hook, const std::string &rules) {
    return fmt::format("chain {0} {{ type filter hook {0} priority -300; policy accept; {1} }}\n",
                       hook, rules);
}

}  // namespace

Done close_by_nftables(const std::vector<Device> &devices) {
    if (devices.empty()) return has_table() ? run("delete table inet portmatrix-closed") : Done();
    std::vector<std::uint32_t> indexes;
    for (const Device &one : devices) indexes.push_back(one.index);
    const std::string in = fmt::format("iif {{ {} }} drop;", fmt::join(indexes, ", "));
    const std::string out = fmt::format("oif {{ {} }} drop;", fmt::join(indexes, ", "));
    return run(
        fmt::format("table inet portmatrix-closed {{}}\n"
                    "delete table inet portmatrix-closed\n"
                    "table inet portmatrix-closed {{\n{}{}{}}}\n",
                    chain("input", in), chain("output", out), chain("forward", in + " " + out)));
}

}  // namespace pm
