// SPDX-License-Identifier: Apache-2.0
#include "policy/model/bans.h"

#include <iterator>
#include <sstream>

#include <fmt/format.h>

#include "policy/base/text.h"

namespace pm {
namespace {

tl::expected<Ban, std::string> parse_line(const std::string &line) {
    std::istringstream words(line);
    std::string prefix, created, expires, more;
    words >> prefix >> created >> expires >> more;
    auto parsed = parse_prefix(prefix);
    if (!parsed) return tl::unexpected(parsed.error());
    const auto since = parse_digits<std::uint64_t>(created);
    const auto until = parse_digits<std::uint64_t>(expires);
    if (!since || (!until && expires != "never") || !more.empty())
        return tl::unexpected(fmt::format("'{}' is not PREFIX CREATED EXPIRES", line));
    return Ban{*parsed, *since, until};
}

}  // namespace

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
    std::string text = "# portmatrix bans: PREFIX CREATED EXPIRES, in seconds since 1970\n";
    for (const Ban &ban : bans)
        fmt::format_to(std::back_inserter(text), "{} {} {}\n", to_string(ban.prefix), ban.created,
                       ban.expires ? std::to_string(*ban.expires) : "never");
    return text;
}

}  // namespace pm
