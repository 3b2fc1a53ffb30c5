// SPDX-License-Identifier: Apache-2.0
#include "loader/state/newest_time.h"

#include <algorithm>
#include <optional>
#include <string>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/file.h"
#include "policy/base/text.h"
#include "policy/model/date.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t ns_of_second = 1'000'000'000;
constexpr std::uint64_t latest = UINT64_MAX / ns_of_second;

}  // namespace

fs::path newest_time_file(const Paths &paths) {
    return paths.state / "newest-time";
}

Result<std::uint64_t> newest_time(const Paths &paths) {
    const fs::path file = newest_time_file(paths);
    std::error_code error;
    if (!fs::exists(file, error) && !error) return 0;
    auto text = read_file(file);
    if (!text) return tl::unexpected(text.error());
    if (text->ends_with('\n')) text->pop_back();
    const auto seconds = parse_digits<std::uint64_t>(*text);
    if (!seconds || *seconds > latest)
        return fault(fmt::format("{} is damaged: {} is no time", file.string(), quote(*text)),
                     fmt::format("if the clock is right, remove it: rm {}", file.string()));
    return *seconds * ns_of_second;
}

Done keep_newest_time(const Paths &paths) {
    const std::uint64_t now = realtime_ns();
    auto newest = newest_time(paths);
    if (!newest) return tl::unexpected(newest.error());
    if (now / ns_per_day <= *newest / ns_per_day) return {};
    return make_private_folder(paths.state).and_then([&] {
        return write_file(newest_time_file(paths), fmt::format("{}\n", now / ns_of_second));
    });
}

Result<std::uint64_t> utc_offset(const Paths &paths) {
    return newest_time(paths).map([](std::uint64_t newest) {
        const std::uint64_t since_boot = boottime_ns();
        const std::uint64_t now = std::max(realtime_ns(), newest);
        return now > since_boot ? now - since_boot : std::uint64_t{0};
    });
}

}  // namespace pm
