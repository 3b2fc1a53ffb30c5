// SPDX-License-Identifier: Apache-2.0
#include "policy/language/words.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "policy/base/text.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

constexpr std::uint32_t flows_limit = 1'000'000;  // a flow costs whole microseconds

}  // namespace

tl::expected<std::uint32_t, std::string> parse_number(std::string_view text, std::string_view what,
                                                      std::uint32_t least, std::uint32_t most) {
    if (!is_decimal(text))
        return tl::unexpected(
            fmt::format("{} {} is not a decimal number {}-{}", what, quote(text), least, most));
    const auto value = parse_digits<std::uint32_t>(text);
    if (!value || *value < least || *value > most)
        return tl::unexpected(
            fmt::format("{} {} is outside {}-{}", what, quote(text), least, most));
    return *value;
}

tl::expected<PortRange, std::string> parse_port_range(std::string_view text) {
    const std::size_t dash = text.find('-', 1);
    const auto first = parse_number(text.substr(0, dash), "port", 1, 65535);
    if (!first) return tl::unexpected(first.error());
    if (dash == text.npos) {
        const auto port = static_cast<std::uint16_t>(*first);
        return PortRange{port, port};
    }
    const auto last = parse_number(text.substr(dash + 1), "port", 1, 65535);
    if (!last) return tl::unexpected(last.error());
    if (*first > *last)
        return tl::unexpected(fmt::format(
            "port range {} is empty; the first port must not exceed the last", quote(text)));
    return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 63 && text[0] >= 'a' && text[0] <= 'z' &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == text.npos;
}

tl::expected<std::string, std::string> parse_name(std::string_view text, std::string_view what) {
    if (!is_name(text))
        return tl::unexpected(fmt::format(
            "{} {} is not a name: up to 63 characters of a-z, 0-9 and '-', a letter first", what,
            quote(text)));
    constexpr std::array reserved{"any", "none", "required", "interface", "null"};
    if (std::ranges::find(reserved, text) != reserved.end())
        return tl::unexpected(
            fmt::format("{} {}: the words {} are reserved", what, quote(text), joined(reserved)));
    if (text.starts_with("essential-"))
        return tl::unexpected(
            fmt::format("{} {}: the prefix essential- is reserved for what passes without a row",
                        what, quote(text)));
    return std::string(text);
}

namespace {

bool is_ipv6_header(std::uint32_t number) {
    return number == IPPROTO_HOPOPTS || number == IPPROTO_ROUTING || number == IPPROTO_FRAGMENT ||
           number == IPPROTO_NONE || number == IPPROTO_DSTOPTS;
}

}  // namespace

tl::expected<std::uint8_t, std::string> parse_transport(std::string_view text) {
    if (const auto number = transport_number(text)) return *number;
    if (text.empty() || text[0] < '0' || text[0] > '9')
        return tl::unexpected(fmt::format(
            "{} is no transport: tcp, udp, icmp, icmpv6 or a protocol number", quote(text)));

    const auto number = parse_number(text, "protocol", 0, 255);
    if (!number) return tl::unexpected(number.error());
    if (const std::string name = transport_name(static_cast<std::uint8_t>(*number));
        transport_number(name))
        return tl::unexpected(fmt::format("protocol {} is {}; write the name", *number, name));
    if (is_ipv6_header(*number))
        return tl::unexpected(fmt::format(
            "protocol {} is an IPv6 extension header, which no row can permit", *number));
    return static_cast<std::uint8_t>(*number);
}

tl::expected<Limit, std::string> parse_rate(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string_view unit = slash == text.npos ? std::string_view{} : text.substr(slash + 1);
    if (unit != "s" && unit != "min")
        return tl::unexpected(fmt::format(
            "rate {} is not a number of flows per s or min, such as 50/s", quote(text)));
    const auto flows = parse_number(text.substr(0, slash), "rate", 1, flows_limit);
    if (!flows) return tl::unexpected(flows.error());
    Limit limit;
    limit.flows = *flows;
    limit.per_seconds = unit == "s" ? 1 : 60;
    limit.burst = *flows;
    return limit;
}

}  // namespace pm
