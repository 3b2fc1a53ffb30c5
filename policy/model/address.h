// SPDX-License-Identifier: Apache-2.0
// Addresses, prefixes and sets of addresses. IPv4 a.b.c.d is ::ffff:a.b.c.d throughout
// (struct pm_addr), so that one ordered space of 128 bits holds both families.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "maps/abi.h"

namespace pm {

struct Address {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    auto operator<=>(const Address &) const = default;
    bool is_v4() const { return high == 0 && low >> 32 == 0xffff; }
    pm_addr abi() const { return {high, low}; }
    static Address from(const pm_addr &a) { return {a.high, a.low}; }
    static Address v4(std::uint32_t value) { return {0, PM_V4_PREFIX | value}; }
    // The one after it; after the last, the first.
    Address next() const { return {high + (low == ~std::uint64_t{0}), low + 1}; }
    Address previous() const { return {high - (low == 0), low - 1}; }
};

// The addresses first..last, both included.
struct Range {
    Address first;
    Address last;

    auto operator<=>(const Range &) const = default;
};

inline constexpr Range all_v4{{0, PM_V4_PREFIX}, {0, PM_V4_PREFIX | 0xffffffffU}};
inline constexpr Range all_v6{
    {0, 0}, {~std::uint64_t{0}, ~std::uint64_t{0}}};  // the block of IPv4 included

struct Prefix {
    Address address;
    int length = 128;  // in its own family's terms: 0-32 or 0-128

    Range range() const;
};

// Strict forms only: dotted quads without leading zeros, RFC 4291 text, no zone, no host bits
// set in a prefix. The error is a message for the user ("10.0.0.1/8 has host bits set; ...").
tl::expected<Address, std::string> parse_address(std::string_view text);
tl::expected<Prefix, std::string> parse_prefix(std::string_view text);

std::string to_string(const Address &address);  // RFC 5952
std::string to_string(const Prefix &prefix);
std::string to_string(const Range &range);  // as prefix where it is one

// "192.0.2.1:443", "[2001:db8::1]:443"; the address alone where `port` is empty.
std::string endpoint(const Address &address, std::string_view port);

// A set of addresses: sorted, disjoint, not adjacent ranges, each of one family. IPv4 lies at
// ::ffff:0:0/96, which no IPv6 set contains: a range of IPv6 around it is cut in two.
class AddressSet {
public:
    AddressSet() = default;
    explicit AddressSet(std::vector<Range> ranges);  // any order, may overlap

    static AddressSet join(const std::vector<const AddressSet *> &sets);  // all that they hold
    static AddressSet any();        // every unicast address of both families
    static AddressSet multicast();  // 224/4, 255.255.255.255, ff00::/8
    static AddressSet martians();   // 0/8, 127/8, 240/4 but 255.255.255.255, ::/96
    static AddressSet v4();         // all IPv4
    static AddressSet v6();         // all IPv6

    bool empty() const { return ranges_.empty(); }
    bool contains(const Address &address) const;
    bool contains(const AddressSet &other) const;
    const std::vector<Range> &ranges() const { return ranges_; }
    std::vector<Prefix> prefixes() const;  // the fewest prefixes that cover it

    double extent() const;  // how many addresses, as far as a double tells

    AddressSet operator|(const AddressSet &other) const;
    AddressSet operator&(const AddressSet &other) const;
    AddressSet operator-(const AddressSet &other) const;
    bool operator==(const AddressSet &) const = default;

private:
    std::vector<Range> ranges_;
};

}  // namespace pm
