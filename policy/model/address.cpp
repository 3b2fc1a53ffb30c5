// SPDX-License-Identifier: Apache-2.0
#include "policy/model/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "policy/base/text.h"

namespace pm {
namespace {

constexpr std::uint64_t all_ones = ~std::uint64_t{0};

// Callers exclude the first address of all.
Address previous(const Address &address) {
    return {address.high - (address.low == 0), address.low - 1};
}

// Ones in the lowest 128 - length bits; `length` counts from the top of all 128.
Address host_mask(int length) {
    if (length >= 64) return {0, length == 128 ? 0 : all_ones >> (length - 64)};
    return {length == 0 ? all_ones : all_ones >> length, all_ones};
}

int family_bits(const Address &address) {
    return address.is_v4() ? 32 : 128;
}

// How long a prefix is among all 128 bits.
int full_length(const Prefix &prefix) {
    return prefix.length + 128 - family_bits(prefix.address);
}

std::uint64_t load_be64(const unsigned char *bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
    return value;
}

std::optional<Address> parse_raw(std::string_view text) {
    char buffer[INET6_ADDRSTRLEN];
    unsigned char bytes[16];

    if (text.size() >= sizeof buffer || text.find('\0') != text.npos) return std::nullopt;
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    if (text.find(':') == text.npos) {
        if (inet_pton(AF_INET, buffer, bytes) != 1) return std::nullopt;
        std::uint32_t value;
        std::memcpy(&value, bytes, sizeof value);
        return Address::v4(ntohl(value));
    }
    if (inet_pton(AF_INET6, buffer, bytes) != 1) return std::nullopt;
    return Address{load_be64(bytes), load_be64(bytes + 8)};
}

// Cuts the IPv4 block out of the ranges of IPv6 around it.
void part_families(std::vector<Range> &ranges) {
    const std::size_t count = ranges.size();
    for (std::size_t i = 0; i < count; ++i) {
        const Range whole = ranges[i];
        if (whole.first.is_v4() || whole.last < all_v4.first || whole.first > all_v4.last) continue;
        ranges[i].last = previous(all_v4.first);
        if (whole.last > all_v4.last) ranges.push_back({all_v4.last.next(), whole.last});
    }
}

// Sorted ranges that may overlap or touch, to a set's form. Families are not joined.
std::vector<Range> normalise(const std::vector<Range> &sorted) {
    std::vector<Range> out;
    out.reserve(sorted.size());
    for (const Range &range : sorted) {
        if (!out.empty() && out.back().first.is_v4() == range.first.is_v4()) {
            Address &last = out.back().last;
            if (range.first <= last || range.first == last.next()) {
                last = std::max(last, range.last);
                continue;
            }
        }
        out.push_back(range);
    }
    return out;
}

}  // namespace

Range Prefix::range() const {
    Address mask = host_mask(full_length(*this));
    return {{address.high & ~mask.high, address.low & ~mask.low},
            {address.high | mask.high, address.low | mask.low}};
}

tl::expected<Address, std::string> parse_address(std::string_view text) {
    if (std::size_t zone = text.find('%'); zone != text.npos)
        return tl::unexpected(
            fmt::format("'{}' names a zone; write it without '{}'", text, text.substr(zone)));
    std::optional<Address> address = parse_raw(text);
    if (!address) return tl::unexpected(fmt::format("'{}' is not an IPv4 or IPv6 address", text));
    if (address->is_v4() && text.find(':') != text.npos)
        return tl::unexpected(fmt::format("'{}' is an IPv4 address mapped into IPv6; write {}",
                                          text, to_string(*address)));
    return *address;
}

tl::expected<Prefix, std::string> parse_prefix(std::string_view text) {
    std::size_t slash = text.find('/');
    auto address = parse_address(text.substr(0, slash));
    if (!address) return tl::unexpected(std::move(address.error()));

    Prefix prefix{*address, family_bits(*address)};
    if (slash == text.npos) return prefix;
    const std::string_view digits = text.substr(slash + 1);
    const auto length = is_decimal(digits) ? parse_digits<std::uint8_t>(digits) : std::nullopt;
    if (!length || *length > prefix.length)
        return tl::unexpected(
            fmt::format("'{}' is not a prefix: the length of an {} prefix is 0-{}", text,
                        prefix.length == 32 ? "IPv4" : "IPv6", prefix.length));
    prefix.length = *length;
    const Prefix network{prefix.range().first, prefix.length};
    if (network.address != prefix.address)
        return tl::unexpected(
            fmt::format("'{}' has host bits set; the prefix is {}", text, to_string(network)));
    return prefix;
}

std::string to_string(const Address &address) {
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[16];

    for (int i = 0; i < 8; ++i) {
        bytes[i] = static_cast<unsigned char>(address.high >> (56 - 8 * i));
        bytes[8 + i] = static_cast<unsigned char>(address.low >> (56 - 8 * i));
    }
    // inet_ntop() would write the obsolete form ::a.b.c.d. RFC 5952 keeps that form for prefixes
    // that are known to hold IPv4 addresses.
    if (address.high == 0 && address.low >> 32 == 0 && address.low >> 16 != 0)
        return fmt::format("::{:x}:{:x}", address.low >> 16, address.low & 0xffff);
    if (address.is_v4())
        inet_ntop(AF_INET, bytes + 12, text, sizeof text);
    else
        inet_ntop(AF_INET6, bytes, text, sizeof text);
    return text;
}

std::string endpoint(const Address &address, std::string_view port) {
    if (port.empty()) return to_string(address);
    return address.is_v4() ? fmt::format("{}:{}", to_string(address), port)
                           : fmt::format("[{}]:{}", to_string(address), port);
}

std::string to_string(const Prefix &prefix) {
    if (prefix.length == family_bits(prefix.address)) return to_string(prefix.address);
    return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}

std::string to_string(const Range &range) {
    std::vector<Prefix> prefixes = AddressSet({range}).prefixes();
    if (prefixes.size() == 1) return to_string(prefixes[0]);
    return fmt::format("{}-{}", to_string(range.first), to_string(range.last));
}

AddressSet::AddressSet(std::vector<Range> ranges) {
    part_families(ranges);
    if (!std::ranges::is_sorted(ranges)) std::ranges::sort(ranges);
    ranges_ = normalise(ranges);
}

AddressSet AddressSet::join(const std::vector<const AddressSet *> &sets) {
    std::vector<Range> ranges;
    for (const AddressSet *set : sets)
        ranges.insert(ranges.end(), set->ranges_.begin(), set->ranges_.end());
    return AddressSet(std::move(ranges));
}

AddressSet AddressSet::any() {
    return AddressSet({all_v6, all_v4}) - multicast();
}

AddressSet AddressSet::multicast() {
    return AddressSet({{Address::v4(0xe0000000U), Address::v4(0xefffffffU)},
                       {Address::v4(0xffffffffU), Address::v4(0xffffffffU)},
                       {{std::uint64_t{0xff} << 56, 0}, all_v6.last}});
}

AddressSet AddressSet::martians() {
    return AddressSet({{Address::v4(0), Address::v4(0x00ffffffU)},
                       {Address::v4(0x7f000000U), Address::v4(0x7fffffffU)},
                       {Address::v4(0xf0000000U), Address::v4(0xfffffffeU)},
                       {{0, 0}, {0, 0xffffffffU}}});
}

AddressSet AddressSet::v4() {
    return AddressSet({all_v4});
}

AddressSet AddressSet::v6() {
    return AddressSet({all_v6});
}

bool AddressSet::contains(const Address &address) const {
    auto after = std::ranges::upper_bound(ranges_, address, {}, &Range::first);
    return after != ranges_.begin() && address <= std::prev(after)->last;
}

bool AddressSet::contains(const AddressSet &other) const {
    return std::ranges::all_of(other.ranges_, [this](const Range &range) {
        auto after = std::ranges::upper_bound(ranges_, range.first, {}, &Range::first);
        return after != ranges_.begin() && range.last <= std::prev(after)->last;
    });
}

std::vector<Prefix> AddressSet::prefixes() const {
    std::vector<Prefix> out;
    for (const Range &range : ranges_) {
        const int shortest = 128 - family_bits(range.first);
        for (Address at = range.first;;) {
            int zeros = at.low ? std::countr_zero(at.low) : 64 + std::countr_zero(at.high);
            int length = std::max(shortest, 128 - std::min(zeros, 128));
            Prefix prefix{at, length - shortest};
            while (prefix.range().last > range.last) ++prefix.length;
            out.push_back(prefix);
            if (prefix.range().last == range.last) break;
            at = prefix.range().last.next();
        }
    }
    return out;
}

double AddressSet::extent() const {
    double sum = 0;
    for (const Range &range : ranges_)
        sum += static_cast<double>(range.last.high - range.first.high) * 0x1p64 +
               static_cast<double>(range.last.low) - static_cast<double>(range.first.low) + 1;
    return sum;
}

AddressSet AddressSet::operator|(const AddressSet &other) const {
    std::vector<Range> sorted;
    sorted.reserve(ranges_.size() + other.ranges_.size());
    std::ranges::merge(ranges_, other.ranges_, std::back_inserter(sorted));
    AddressSet out;
    out.ranges_ = normalise(sorted);
    return out;
}

AddressSet AddressSet::operator&(const AddressSet &other) const {
    AddressSet out;
    out.ranges_.reserve(std::min(ranges_.size(), other.ranges_.size()));
    auto a = ranges_.begin(), b = other.ranges_.begin();
    while (a != ranges_.end() && b != other.ranges_.end()) {
        Range common{std::max(a->first, b->first), std::min(a->last, b->last)};
        if (common.first <= common.last) out.ranges_.push_back(common);
        (a->last < b->last ? a : b)++;
    }
    return out;
}

AddressSet AddressSet::operator-(const AddressSet &other) const {
    AddressSet out;
    out.ranges_.reserve(ranges_.size());
    auto cut = other.ranges_.begin();
    for (Range rest : ranges_) {
        while (cut != other.ranges_.end() && cut->last < rest.first) ++cut;
        bool left = true;
        for (auto c = cut; left && c != other.ranges_.end() && c->first <= rest.last; ++c) {
            if (rest.first < c->first) out.ranges_.push_back({rest.first, previous(c->first)});
            left = c->last < rest.last;
            if (left) rest.first = c->last.next();
        }
        if (left) out.ranges_.push_back(rest);
    }
    return out;
}

}  // namespace pm
