// SPDX-License-Identifier: Apache-2.0
#include "policy/model/bans.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include <fmt/format.h>

#include "policy/base/text.h"

namespace pm {
namespace {

// What ends later, in the year 2477 or after, is for ever: its nanoseconds would not fit.
constexpr std::uint64_t latest_end = 16'000'000'000;

tl::expected<Ban, std::string> parse_line(const std::string &line) {
    std::istringstream words(line);
    std::string prefix, created, expires, owner = default_owner, more;
    words >> prefix >> created >> expires;
    if (std::string word; words >> word) owner = word;
    words >> more;
    auto parsed = parse_prefix(prefix);
    if (!parsed) return tl::unexpected(parsed.error());
    const auto since = parse_digits<std::uint64_t>(created);
    auto until = parse_digits<std::uint64_t>(expires);
    if (!since || (!until && expires != "never") || !is_owner(owner) || !more.empty())
        return tl::unexpected(fmt::format("{} is not PREFIX CREATED EXPIRES OWNER", quote(line)));
    if (until && *until >= latest_end) until.reset();
    return Ban{.prefix = *parsed, .created = *since, .expires = until, .owner = owner};
}

}  // namespace

bool is_owner(std::string_view text) {
    constexpr std::size_t longest = 64;
    auto is_plain = [](char one) {
        return (one >= '0' && one <= '9') || (one >= 'a' && one <= 'z') ||
               (one >= 'A' && one <= 'Z');
    };
    return !text.empty() && text.size() <= longest && is_plain(text[0]) &&
           std::ranges::all_of(text, [&](char one) {
               return is_plain(one) || std::string_view("._-@").find(one) != std::string_view::npos;
           });
}

tl::expected<std::vector<Ban>, std::string> parse_bans(const std::string &text) {
    std::vector<Ban> bans;
    std::istringstream lines(text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        line = line.substr(0, line.find('#'));
        if (line.find_first_not_of(" \t") == std::string::npos) continue;
        auto ban = parse_line(line);
        if (!ban) return tl::unexpected(fmt::format("line {}: {}", number, ban.error()));
        bans.push_back(*ban);
    }
    return bans;
}

std::string print_bans(const std::vector<Ban> &bans) {
    std::string text = "# portmatrix bans: PREFIX CREATED EXPIRES OWNER, in seconds since 1970\n";
    for (const Ban &ban : bans)
        fmt::format_to(std::back_inserter(text), "{} {} {}{}\n", to_string(ban.prefix), ban.created,
                       ban.expires ? std::to_string(*ban.expires) : "never",
                       ban.owner == default_owner ? "" : " " + ban.owner);
    return text;
}

}  // namespace pm
