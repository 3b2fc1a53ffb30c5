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

constexpr const char *table_name = "portmatrix-closed";

std::string chain(const char *hook, const std::string &rules) {
    return fmt::format("chain {0} {{ type filter hook {0} priority -300; policy accept; {1} }}\n",
                       hook, rules);
}

std::string table(const std::string &name, const std::vector<Device> &devices) {
    std::vector<std::uint32_t> indexes;
    for (const Device &one : devices) indexes.push_back(one.index);
    const std::string in = fmt::format("iif {{ {} }} drop;", fmt::join(indexes, ", "));
    const std::string out = fmt::format("oif {{ {} }} drop;", fmt::join(indexes, ", "));
    return fmt::format("table inet {} {{\n{}{}{}}}\n", name, chain("input", in),
                       chain("output", out), chain("forward", in + " " + out));
}

std::filesystem::path copy_file(const Paths &paths) {
    return paths.run / "closed.held";
}

}  // namespace

bool is_closed_by_nftables() {
    return has_nft_table(table_name).value_or(false);
}

Done close_by_nftables(const Paths &paths, const std::vector<Device> &devices) {
    const std::string removed =
        fmt::format("table inet {0} {{}}\ndelete table inet {0}\n", table_name);
    Done done;
    if (!devices.empty())
        done = run_nftables("close a device with nftables", removed + table(table_name, devices));
    else if (has_nft_table(table_name).value_or(true))  // where the kernel does not say, it may be
        done = run_nftables("open a device that nftables closed", removed);
    return done.and_then([&] { return let_go(copy_file(paths)); });
}

ClosingCopy::ClosingCopy(const Paths &paths) : table_(copy_file(paths)) {}

Done ClosingCopy::hold(const std::vector<Device> &devices) {
    return table_.hold([&](const std::string &name) { return table(name, devices); });
}

}  // namespace pm
