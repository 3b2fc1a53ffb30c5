// SPDX-License-Identifier: Apache-2.0
// The command bans: who is banned, and for how long.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/banned_now.h"
#include "loader/kernel/deployment.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/state/ban_list.h"
#include "policy/image/ban_image.h"
#include "policy/image/compile.h"

namespace pm::command {

namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t never = ~std::uint64_t{0};
constexpr std::uint64_t tolerance = 2 * second;  // both are rounded

// Addresses that are banned in force, though the list does not say so, or longer than it says.
Result<std::vector<BannedRange>> unlisted(const Paths &paths, const std::vector<Ban> &bans) {
    auto now = open_deployment(paths);
    if (!now) return tl::unexpected(now.error());
    if (!*now) return std::vector<BannedRange>();
    return compiled_bans(bans).map([&](const std::vector<std::uint8_t> &image) {
        const auto listed =
            image.empty() ? std::vector<BannedRange>() : banned_ranges(ImageView(image).view());
        return banned_longer(banned_now((*now)->control), listed, tolerance);
    });
}

// As bans, with the end that the kernel goes by.
std::vector<Ban> as_bans(const std::vector<BannedRange> &ranges) {
    const std::uint64_t now = realtime_ns(), boottime = boottime_ns();
    std::vector<Ban> bans;
    for (const BannedRange &one : ranges)
        for (const Prefix &prefix : AddressSet({one.range}).prefixes())
            bans.push_back(
                {.prefix = prefix,
                 .created = 0,
                 .expires = one.until == never
                                ? std::nullopt
                                : std::optional((now + (one.until - boottime)) / second)});
    return bans;
}

std::string end_text(const Ban &ban) {
    return ban.expires ? time_text(*ban.expires * second) : "it is lifted";
}

}  // namespace

int run_bans(const BansArguments &arguments) {
    if (auto root = need_root(); !root) return end(root.error());
    const Paths paths = Paths::from_environment();
    auto bans = read_bans(paths);
    if (!bans) return end(bans.error());
    auto more = unlisted(paths, *bans);
    if (!more) return end(more.error());
    const std::vector<Ban> others = as_bans(*more);
    const std::uint64_t now = realtime_ns();
    if (arguments.json) {
        for (const Ban &one : *bans) fmt::print("{}", show::ban_json(one, now));
        for (const Ban &one : others) fmt::print("{}", show::ban_json(one, now));
    } else {
        show::Table table({{"PREFIX"}, {"SINCE"}, {"UNTIL"}});
        for (const Ban &one : *bans)
            table.add({to_string(one.prefix), time_text(one.created * second), end_text(one)});
        for (const Ban &one : others)
            table.add({to_string(one.prefix), "not in the list", end_text(one)});
        fmt::print("{}", table.text(0, colour_on(1)));
    }
    if (!others.empty())
        print_note(
            "warning: more is banned in force than the list says: the clock was set, or the list "
            "was changed by hand; 'portmatrix watch' or the next ban, unban or apply goes by the "
            "list");
    return end(Exit::done);
}

}  // namespace pm::command
