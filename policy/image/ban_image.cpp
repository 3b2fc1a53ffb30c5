// SPDX-License-Identifier: Apache-2.0
#include "policy/image/ban_image.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "policy/image/intervals.h"
#include "policy/image/write_intervals.h"
#include "policy/image/writer.h"

namespace pm {
namespace {

constexpr std::uint64_t never = ~std::uint64_t{0};
constexpr std::uint64_t second = 1'000'000'000;

// Addresses from `first` on are banned until `until`; 0: they are not.
struct Span {
    Address first;
    std::uint64_t until;
};

// Prefixes lie within each other or apart, so those that cover an address are a stack.
std::vector<Span> spans_of(std::vector<Ban> bans, const Range &family) {
    struct Open {
        Address last;
        std::uint64_t until;
    };
    std::ranges::sort(bans, [](const Ban &a, const Ban &b) {
        return std::pair(a.prefix.range().first, a.prefix.length) <
               std::pair(b.prefix.range().first, b.prefix.length);
    });
    std::vector<Span> spans{{family.first, 0}};
    std::vector<Open> open;
    auto add = [&](const Address &first, std::uint64_t until) {
        if (spans.back().first == first)
            spans.back().until = until;
        else if (spans.back().until != until)
            spans.push_back({first, until});
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
    return spans;
}

std::uint64_t rounded(std::uint64_t until, unsigned bits) {
    if (until == 0 || until == never) return until;
    const std::uint64_t step = std::uint64_t{1} << bits;
    return (until + step - 1) & ~(step - 1);
}

// Classes by expiry, few enough to have numbers; class 0 is not banned.
std::map<std::uint64_t, std::uint16_t> classes_of(const std::vector<Span> &v4,
                                                  const std::vector<Span> &v6, unsigned &bits) {
    for (bits = 0;; ++bits) {
        std::map<std::uint64_t, std::uint16_t> classes{{0, std::uint16_t{0}}};
        for (const auto *spans : {&v4, &v6})
            for (const Span &span : *spans) classes.try_emplace(rounded(span.until, bits));
        if (classes.size() > max_classes) continue;
        std::uint16_t next = 0;
        for (auto &[until, class_] : classes) class_ = next++;
        return classes;
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
    const std::vector<Span> spans4 = spans_of(std::move(v4), all_v4);
    const std::vector<Span> spans6 = spans_of(std::move(v6), all_v6);
    if (std::max(spans4.size(), spans6.size()) > max_intervals)
        return tl::unexpected(fmt::format("{} bans are too many", bans.size()));

    unsigned bits = 0;
    const auto classes = classes_of(spans4, spans6, bits);
    Intervals intervals;
    for (const Span &span : spans4)
        intervals.v4.push_back({span.first, classes.at(rounded(span.until, bits))});
    for (const Span &span : spans6)
        intervals.v6.push_back({span.first, classes.at(rounded(span.until, bits))});
    std::vector<std::uint64_t> expiries;
    for (const auto &[until, class_] : classes)
        expiries.push_back(until == 0       ? 0
                           : until == never ? never
                                            : boottime + (until - now) * second);

    pm_ban_image header{};
    Writer writer(sizeof header);
    header.magic = PM_BANS_MAGIC;
    header.abi = PM_ABI_VERSION;
    header.expiries = writer.append(expiries);
    header.peers = write_intervals(intervals, writer);
    header.size = static_cast<std::uint32_t>(writer.size());
    return writer.finish(header);
}

}  // namespace pm
