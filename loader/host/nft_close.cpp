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

std::vector<std::uint32_t> indexes_of(const std::vector<Device> &devices) {
    std::vector<std::uint32_t> indexes;
    for (const Device &one : devices) indexes.push_back(one.index);
    return indexes;
}

// `flags`: none, or such as "flags owner;".
std::string table(const std::string &name, const char *flags, const std::vector<Device> &devices) {
    const std::vector<std::uint32_t> indexes = indexes_of(devices);
    const std::string in = fmt::format("iif {{ {} }} drop;", fmt::join(indexes, ", "));
    const std::string out = fmt::format("oif {{ {} }} drop;", fmt::join(indexes, ", "));
    return fmt::format("table inet {} {{ {}\n{}{}{}}}\n", name, flags, chain("input", in),
                       chain("output", out), chain("forward", in + " " + out));
}

std::filesystem::path copy_file(const Paths &paths) {
    return paths.run / "closed.held";
}

}  // namespace

bool is_closed_by_nftables() {
    return has_nft_table(table_name).value_or(false);
}

Done set_closed_devices(const std::vector<Device> &devices) {
    const std::string removed =
        fmt::format("table inet {0} {{}}\ndelete table inet {0}\n", table_name);
    if (!devices.empty())
        return run_nftables("close a device with nftables",
                            removed + table(table_name, "", devices));
    if (!has_nft_table(table_name).value_or(true)) return {};  // where it is not known, it may be
    return run_nftables("open a device that nftables closed", removed);
}

Done close_by_nftables(const Paths &paths, const std::vector<Device> &devices) {
    return set_closed_devices(devices).and_then([&] { return let_go(copy_file(paths)); });
}

ClosingCopy::ClosingCopy(const Paths &paths) : file_(copy_file(paths)), table_(file_) {}

Done ClosingCopy::hold(const std::vector<Device> &devices) {
    auto held =
        table_.hold([&](const std::string &name) { return table(name, "flags owner;", devices); });
    if (!held) (void)let_go(file_);  // the one before closes what is open now
    return held;
}

const std::string &ClosingCopy::keep(const std::vector<Device> &devices) {
    const std::string wanted = fmt::format("{}", fmt::join(indexes_of(devices), ", "));
    const bool is_held = table_.is_held() && held_ == wanted;
    if (devices.empty()) {
        const Done gone = let_go(file_);
        problem_ = gone ? "" : gone.error().message;
    } else if (is_held) {
        made_.succeeded();
        problem_.clear();
    } else if (made_.is_due(wanted)) {
        made_.failed(wanted);  // unless the next look finds it
        const Done done = hold(devices);
        held_ = wanted;
        problem_ = done ? ""
                        : fmt::format("a flush of nftables by others opens them for a moment: {}",
                                      done.error().message);
    }
    return problem_;
}

}  // namespace pm
