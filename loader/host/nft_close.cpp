// SPDX-License-Identifier: Apache-2.0
#include "loader/host/nft_close.h"

#include <cstdint>
#include <string>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/host/nft_tables.h"
#include "loader/host/nftables.h"

namespace pm {
namespace {

constexpr const char *what = "close a device with nftables";
constexpr const char *table_name = "portmatrix-closed";

std::string chain(const char *hook, const std::string &rules) {
    return fmt::format("chain {0} {{ type filter hook {0} priority -300; policy accept; {1} }}\n",
                       hook, rules);
}

}  // namespace

bool is_closed_by_nftables() {
    return has_nft_table(table_name).value_or(false);
}

Done close_by_nftables(const std::vector<Device> &devices) {
    if (devices.empty()) {
        // Where the kernel does not say, it may be there.
        if (!has_nft_table(table_name).value_or(true)) return {};
        return run_nftables("open a device that nftables closed",
                            "table inet portmatrix-closed {}\ndelete table inet portmatrix-closed");
    }
    std::vector<std::uint32_t> indexes;
    for (const Device &one : devices) indexes.push_back(one.index);
    const std::string in = fmt::format("iif {{ {} }} drop;", fmt::join(indexes, ", "));
    const std::string out = fmt::format("oif {{ {} }} drop;", fmt::join(indexes, ", "));
    return run_nftables(what, fmt::format("table inet portmatrix-closed {{}}\n"
                                          "delete table inet portmatrix-closed\n"
                                          "table inet portmatrix-closed {{\n{}{}{}}}\n",
                                          chain("input", in), chain("output", out),
                                          chain("forward", in + " " + out)));
}

}  // namespace pm
