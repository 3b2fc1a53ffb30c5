// SPDX-License-Identifier: Apache-2.0
#include "policy/image/ban_image.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "maps/lookup.h"
#include "policy/image/image_ranges.h"
#include "policy/image/intervals.h"
#include "policy/image/write_intervals.h"
#include "policy/image/writer.h"

namespace pm {
namespace {

constexpr std::uint64_t never = ~std::uint64_t{0};
constexpr std::uint64_t second = 1'000'000'000;

// Addresses from `first` up to the next interval are banned until `until`; 0: they are not.
struct BanInterval {
    Address first;
    std::uint64_t until;
};

// Prefixes lie within each other or apart, so those that cover an address are a stack.
std::vector<BanInterval> intervals_of(std::vector<Ban> bans, const Range &family) {
    struct Open {
        Address last;
        std::uint64_t until;
    };
    std::ranges::sort(bans, [](const Ban &a, const Ban &b) {
        return std::pair(a.prefix.range().first, a.prefix.length) <
               std::pair(b.prefix.range().first, b.prefix.length);
    });
    std::vector<BanInterval> intervals{{family.first, 0}};
    std::vector<Open> open;
    auto add = [&](const Address &first, std::uint64_t until) {
        if (intervals.back().first == first)
            intervals.back().until = until;
        else if (intervals.back().until != until)
            intervals.push_back({first, until});
    };
    auto close_before = [&](const Address *next) {
        while (!open.empty() && (!next || open.back().last < *next)) {
            const Address last = open.back().last;
            open.pop_back();
            if (last < family.last) add(last.next(), open.empty() ? 0 : open.back().until);
        }
    };
    for (const Ban &ban : bans) {
        const Range range = ban.prefix.range();
        close_before(&range.first);
        const std::uint64_t own = ban.expires.value_or(never);
        const std::uint64_t until = open.empty() ? own : std::max(own, open.back().until);
        add(range.first, until);
        open.push_back({range.last, until});
    }
    close_before(nullptr);
    return intervals;
}

// Rounded up to a multiple of 2^bits; 0 and `never` stay what they are.
std::uint64_t rounded(std::uint64_t until, unsigned bits) {
    if (until == 0 || until == never) return until;
    const std::uint64_t step = std::uint64_t{1} << bits;
    return (until + step - 1) & ~(step - 1);
}

// Expiries have classes, as peers have in a policy. `bits`: how many low bits of an expiry had to
// be rounded away so that the classes are few enough to have numbers; class 0 is not banned.
struct ExpiryClasses {
    std::map<std::uint64_t, std::uint16_t> classes;
    unsigned bits = 0;
};

ExpiryClasses find_classes(const std::vector<BanInterval> &v4, const std::vector<BanInterval> &v6) {
    for (unsigned bits = 0;; ++bits) {
        std::map<std::uint64_t, std::uint16_t> classes{{0, std::uint16_t{0}}};
        for (const auto *intervals : {&v4, &v6})
            for (const BanInterval &interval : *intervals)
                classes.try_emplace(rounded(interval.until, bits));
        if (classes.size() > max_classes) continue;
        std::uint16_t next = 0;
        for (auto &[until, class_] : classes) class_ = next++;
        return {std::move(classes), bits};
    }
}

}  // namespace

tl::expected<std::vector<std::uint8_t>, std::string> compile_bans(const std::vector<Ban> &bans,
                                                                  std::uint64_t now,
                                                                  std::uint64_t boottime) {
    std::vector<Ban> v4, v6;
    for (const Ban &ban : bans)
        if (ban.expires.value_or(never) > now)
            (ban.prefix.address.is_v4() ? v4 : v6).push_back(ban);
    if (v4.empty() && v6.empty()) return std::vector<std::uint8_t>();
    const std::vector<BanInterval> intervals4 = intervals_of(std::move(v4), all_v4);
    const std::vector<BanInterval> intervals6 = intervals_of(std::move(v6), all_v6);
    if (std::max(intervals4.size(), intervals6.size()) > max_intervals)
        return tl::unexpected(fmt::format("{} bans are too many", bans.size()));

    const auto [classes, bits] = find_classes(intervals4, intervals6);
    Intervals intervals;
    for (const BanInterval &one : intervals4)
        intervals.v4.push_back({one.first, classes.at(rounded(one.until, bits))});
    for (const BanInterval &one : intervals6)
        intervals.v6.push_back({one.first, classes.at(rounded(one.until, bits))});
    std::vector<std::uint64_t> expiries;
    for (const auto &[until, class_] : classes)
        expiries.push_back(until == 0       ? 0
                           : until == never ? never
                                            : boottime + (until - now) * second);

    pm_ban_image header{};
    Writer writer(sizeof header);
    header.magic = PM_BANS_MAGIC;
    header.abi = PM_IMAGE_VERSION;
    header.expiries = writer.append(expiries);
    header.peers = write_intervals(intervals, writer);
    header.size = static_cast<std::uint32_t>(writer.size());
    return writer.finish(header);
}

std::vector<BannedRange> banned_ranges(pm_view image) {
    std::vector<BannedRange> banned;
    if (pm_field(image, pm_ban_image, magic) != PM_BANS_MAGIC) return banned;
    const auto &header = *reinterpret_cast<const pm_ban_image *>(image.base);
    for (const ClassRange &one : class_ranges(image, header.peers)) {
        const std::uint64_t until =
            pm_load(image, header.expiries + std::uint32_t{one.class_} * 8, 8);
        if (until != 0) banned.push_back({.range = one.range, .until = until});
    }
    return banned;
}

std::vector<BannedRange> banned_longer(const std::vector<BannedRange> &one,
                                       const std::vector<BannedRange> &other,
                                       std::uint64_t tolerance) {
    std::vector<BannedRange> longer;
    // IPv4 comes first, although its addresses are not the lowest.
    auto is_before = [](const Address &a, const Address &b) {
        return std::pair(!a.is_v4(), a) < std::pair(!b.is_v4(), b);
    };
    auto add = [&](const Range &range, std::uint64_t until, std::uint64_t beside) {
        if (beside == 0 || (until > beside && until - beside > tolerance))
            longer.push_back({.range = range, .until = until});
    };
    auto beside = other.begin();
    for (const BannedRange &whole : one) {
        Range rest = whole.range;
        while (true) {
            while (beside != other.end() && is_before(beside->range.last, rest.first)) ++beside;
            if (beside == other.end() || is_before(rest.last, beside->range.first)) {
                add(rest, whole.until, 0);
                break;
            }
            if (is_before(rest.first, beside->range.first)) {
                add({rest.first, beside->range.first.previous()}, whole.until, 0);
                rest.first = beside->range.first;
            }
            const Address last = std::min(rest.last, beside->range.last);
            add({rest.first, last}, whole.until, beside->until);
            if (last == rest.last) break;
            rest.first = last.next();
        }
    }
    return longer;
}

}  // namespace pm
