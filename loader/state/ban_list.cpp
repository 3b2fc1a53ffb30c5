// SPDX-License-Identifier: Apache-2.0
#include "loader/state/ban_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/file.h"
#include "policy/image/ban_image.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t ns_a_second = 1'000'000'000;

fs::path ban_list_file(const Paths &paths) {
    return paths.state / "bans";
}

// The lines below a stamp, up to the next. `from` is the number of the first one, from 0.
using Listed = tl::expected<std::vector<Ban>, std::string>;
Listed parse_section(const std::string &lines, std::size_t from, const ClockStamp &then) {
    const ClockStamp now = clock_stamp();
    const std::int64_t step = clock_step(then, now);
    auto moved = [&](std::uint64_t time) {
        return static_cast<std::uint64_t>(
            std::max<std::int64_t>(0, static_cast<std::int64_t>(time) + step));
    };
    // The line feeds make faults name the right lines.
    return parse_bans(std::string(from, '\n') + lines).map([&](std::vector<Ban> bans) {
        for (Ban &one : bans) {
            one.earlier = then.boot != now.boot;
            one.created = moved(one.created);
            if (one.expires) one.expires = moved(*one.expires);
        }
        return bans;
    });
}

// Reads a text that write_bans() made.
Listed parse_list(const std::string &text) {
    std::vector<Ban> bans;
    std::istringstream lines(text);
    std::string line, section;
    ClockStamp stamp;
    std::size_t number = 0, from = 0;
    auto end_section = [&]() -> tl::expected<void, std::string> {
        return parse_section(section, from, stamp).map([&](const std::vector<Ban> &more) {
            bans.insert(bans.end(), more.begin(), more.end());
        });
    };
    for (; std::getline(lines, line); ++number) {
        const ClockStamp next = parse_clock(line);
        if (next.boot.empty()) {
            section += line + "\n";
            continue;
        }
        if (auto done = end_section(); !done) return tl::unexpected(done.error());
        section.clear();
        stamp = next;
        from = number + 1;
    }
    if (auto done = end_section(); !done) return tl::unexpected(done.error());
    return bans;
}

}  // namespace

Done write_bans(const Paths &paths, const std::vector<Ban> &bans) {
    std::vector<Ban> earlier, later;
    for (const Ban &one : bans) (one.earlier ? earlier : later).push_back(one);
    std::string text = print_clock(clock_stamp()) + "\n" + print_bans(later);
    if (!earlier.empty()) text += print_clock(unknown_clock()) + "\n" + print_bans(earlier);
    return write_file(ban_list_file(paths), text);
}

std::string version_of_bans(const Paths &paths) {
    struct stat status = {};
    if (lstat(ban_list_file(paths).c_str(), &status) != 0) return {};
    return fmt::format("{} {}.{}", status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

Result<BanList> read_ban_list(const Paths &paths) {
    auto exists = has_private_folder(paths.state);
    if (!exists) return tl::unexpected(exists.error());
    const fs::path path = ban_list_file(paths);
    std::error_code error;
    if (!*exists || (!fs::exists(path, error) && !error)) return BanList();
    auto text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    auto bans = parse_list(*text);
    if (!bans)
        return fault(fmt::format("{}: {}", path.string(), bans.error()),
                     "mend or remove the file, then ban again");
    const std::uint64_t now = realtime_seconds();
    BanList list;
    for (Ban &one : *bans)
        (one.expires && *one.expires <= now ? list.ended : list.bans).push_back(std::move(one));
    return list;
}

Result<std::vector<Ban>> read_bans(const Paths &paths) {
    return read_ban_list(paths).map([](BanList &&list) { return std::move(list.bans); });
}

Result<std::vector<std::uint8_t>> compiled_bans(const std::vector<Ban> &bans) {
    // Both clocks at the beginning of this second, so that bans end when the list says.
    const std::uint64_t now = realtime_ns();
    auto image = compile_bans(bans, now / ns_a_second, boottime_ns() - now % ns_a_second);
    if (!image) return fault(image.error());
    return std::move(*image);
}

}  // namespace pm
