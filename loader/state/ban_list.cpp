// SPDX-License-Identifier: Apache-2.0
#include "loader/state/ban_list.h"

#include <algorithm>
#include <filesystem>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/file.h"
#include "policy/image/ban_image.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

fs::path file_of(const Paths &paths) {
    return paths.state / "bans";
}

// Reads a text that write_bans() made.
tl::expected<std::vector<Ban>, std::string> parse_list(std::string text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const ClockStamp then = parse_clock(text.substr(0, end));
    if (!then.boot.empty())
        text.erase(0, end);  // the line feed stays, so that faults name the right lines
    const std::int64_t step = clock_step(then, clock_stamp());
    auto moved = [&](std::uint64_t time) {
        return static_cast<std::uint64_t>(
            std::max<std::int64_t>(0, static_cast<std::int64_t>(time) + step));
    };
    return parse_bans(text).map([&](std::vector<Ban> bans) {
        for (Ban &one : bans) {
            one.created = moved(one.created);
            if (one.expires) one.expires = moved(*one.expires);
        }
        return bans;
    });
}

}  // namespace

Done write_bans(const Paths &paths, const std::vector<Ban> &bans) {
    return write_file(file_of(paths), print_clock(clock_stamp()) + "\n" + print_bans(bans));
}

Result<std::vector<Ban>> read_bans(const Paths &paths) {
    auto exists = has_private_folder(paths.state);
    if (!exists) return tl::unexpected(exists.error());
    const fs::path path = file_of(paths);
    std::error_code error;
    if (!*exists || (!fs::exists(path, error) && !error)) return std::vector<Ban>();
    auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    auto bans = parse_list(std::move(*text));
    if (!bans)
        return fault(fmt::format("{}: {}", path.string(), bans.error()),
                     "mend or remove the file, then ban again");
    const std::uint64_t now = realtime_seconds();
    std::erase_if(*bans, [&](const Ban &one) { return one.expires && *one.expires <= now; });
    return std::move(*bans);
}

Result<std::vector<std::uint8_t>> compiled_bans(const std::vector<Ban> &bans) {
    auto image = compile_bans(bans, realtime_seconds(), boottime_ns());
    if (!image) return fault(image.error());
    return std::move(*image);
}

}  // namespace pm
