// SPDX-License-Identifier: Apache-2.0
// libnftables, for a child process alone: the library ends the process that it is in where it has
// no memory or no netlink.
#pragma once

#include <nftables/libnftables.h>

#include <cstddef>
#include <memory>
#include <string>

#include "loader/base/fault.h"

namespace pm {

// Of what a child process that asks nftables has to say.
inline constexpr std::size_t longest_nft_message = 65536;

class NftContext {
public:
    // A fault has the cause alone, in nftables' words.
    static Result<NftContext> open();

    // `text`: JSON, or what `nft -f` reads. All of it is done, or nothing. What was made as
    // `flags owner` is there as long as this object.
    Done run(const std::string &text);
    // Nothing is done: nftables and the kernel say what they would say.
    void run_dry() { nft_ctx_set_dry_run(nft_.get(), true); }

private:
    struct Free {
        void operator()(nft_ctx *nft) const { nft_ctx_free(nft); }
    };
    explicit NftContext(nft_ctx *nft) : nft_(nft) {}
    std::unique_ptr<nft_ctx, Free> nft_;
};

}  // namespace pm
