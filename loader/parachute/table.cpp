// SPDX-License-Identifier: Apache-2.0
#include "loader/parachute/table.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/host/nftables.h"
#include "loader/parachute/frame.h"
#include "loader/parachute/render.h"
#include "loader/parachute/ruleset.h"

namespace pm::parachute {
namespace {

constexpr std::uint64_t ms_a_second = 1000, ms_a_day = 86400 * ms_a_second, ns_a_ms = 1'000'000;

constexpr const char *checked_name = "portmatrix-parachute-checked";

std::string whole(const std::string &lines) {
    std::string text = "{\"nftables\":[";
    for (std::size_t at = 0; at < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', at), lines.size());
        if (at) text += ",\n";
        text.append(lines, at, end - at);
        at = end + 1;
    }
    return text + "]}";
}

std::string command(const char *verb, const char *kind, Json object) {
    return Json({{verb, {{kind, std::move(object)}}}})
               .dump(-1, ' ', false, Json::error_handler_t::replace) +
           "\n";
}

std::string of_table(const char *verb) {
    return command(verb, "table", {{"family", "inet"}, {"name", table_name}});
}

std::string add_elements(const std::string &set, Json elements) {
    if (elements.empty()) return {};
    return command(
        "add", "element",
        {{"family", "inet"}, {"table", table_name}, {"name", set}, {"elem", std::move(elements)}});
}

Address before(const Address &address) {
    return {address.high - (address.low == 0), address.low - 1};
}

// Ranges that do not overlap, each with what is left of the ban of it that ends last.
struct BannedRange {
    Range range;
    std::optional<std::uint64_t> left;  // ms, at least 1; none: it does not end
};

struct BanEdge {
    Address at;
    std::uint64_t left;
    bool begins;
};

// `now`: ns since the epoch, for what is left is counted from now and not from this second.
std::vector<BannedRange> banned_ranges(const std::vector<Ban> &bans, std::uint64_t now) {
    constexpr std::uint64_t never = ~std::uint64_t{0};
    const std::uint64_t now_ms = (now + ns_a_ms - 1) / ns_a_ms;
    std::vector<BanEdge> edges;
    for (const Ban &one : bans) {
        const std::uint64_t end_ms = one.expires ? *one.expires * ms_a_second : never;
        if (end_ms <= now_ms) continue;
        const std::uint64_t left = one.expires ? end_ms - now_ms : never;
        const Range range = one.prefix.range();
        edges.push_back({.at = range.first, .left = left, .begins = true});
        edges.push_back({.at = range.last.next(), .left = left, .begins = false});
    }
    std::ranges::sort(edges, std::less<>(), &BanEdge::at);
    std::vector<BannedRange> all;
    std::multiset<std::uint64_t> held;  // what is left of the bans that hold here
    for (std::size_t i = 0; i < edges.size(); ++i) {
        if (edges[i].begins)
            held.insert(edges[i].left);
        else
            held.erase(held.find(edges[i].left));
        if (held.empty() || i + 1 == edges.size() || edges[i + 1].at == edges[i].at) continue;
        const std::uint64_t left = *held.rbegin();
        all.push_back({.range = {edges[i].at, before(edges[i + 1].at)},
                       .left = left == never ? std::nullopt : std::optional(left)});
    }
    return all;
}

// In JSON, which has whole seconds alone: a ban never lasts too long, but may end a second early.
std::string ban_commands(const std::vector<Ban> &bans, std::uint64_t now) {
    Json elements[2] = {Json::array(), Json::array()};
    for (const BannedRange &one : banned_ranges(bans, now)) {
        Json element = element_of(one.range);
        if (one.left && *one.left < ms_a_second) continue;  // 0 would be a ban for ever
        if (one.left)
            element = {
                {"elem", {{"val", std::move(element)}, {"timeout", *one.left / ms_a_second}}}};
        elements[one.range.first.is_v4() ? 0 : 1].push_back(std::move(element));
    }
    return add_elements(banned_set(Family::v4), std::move(elements[0])) +
           add_elements(banned_set(Family::v6), std::move(elements[1]));
}

// "198.51.100.0-198.51.100.255 timeout 0d3599s250ms"
std::string element_text(const BannedRange &one) {
    std::string text = to_string(one.range.first);
    if (one.range.first != one.range.last) text += "-" + to_string(one.range.last);
    if (one.left)
        text += fmt::format(" timeout {}d{}s{}ms", *one.left / ms_a_day,
                            *one.left % ms_a_day / ms_a_second, *one.left % ms_a_second);
    return text;
}

// The same commands for the table of another name. Each names its table once.
std::string renamed(const std::string &commands, const std::string &to) {
    const std::string old_name = fmt::format("\"table\":\"{}\"", table_name);
    const std::string new_name = fmt::format("\"table\":\"{}\"", to);
    std::string text;
    for (std::size_t at = 0; at < commands.size();) {
        const std::size_t end = std::min(commands.find('\n', at), commands.size());
        std::string line = commands.substr(at, end - at);
        if (const std::size_t found = line.find(old_name); found != std::string::npos)
            line.replace(found, old_name.size(), new_name);
        text += line + "\n";
        at = end + 1;
    }
    return text;
}

// The commands for a table that filters nothing.
std::string without_hooks(const std::string &commands) {
    std::string text;
    for (std::size_t at = 0; at < commands.size();) {
        const std::size_t end = std::min(commands.find('\n', at), commands.size());
        std::string line = commands.substr(at, end - at);
        if (line.find("\"hook\":") != std::string::npos) {
            Json json = Json::parse(line);
            for (const char *key : {"type", "hook", "prio", "policy"})
                json["add"]["chain"].erase(key);
            line = json.dump();
        }
        text += line + "\n";
        at = end + 1;
    }
    return text;
}

// What fills the table that is there and empty.
std::string content(const std::string &commands, const Devices &devices,
                    const std::vector<Ban> &bans, std::uint64_t now) {
    std::string text = commands;
    Json open = Json::array({"lo"});
    for (const std::string &name : devices.open) open.push_back(name);
    text += add_elements(open_devices, std::move(open));
    for (const Direction opener : {Direction::in, Direction::out}) {
        Json zones = Json::array();
        for (const auto &[device, zone] : devices.zones)
            zones.push_back(Json::array({device, go_to(zone_chain(opener, zone))}));
        text += add_elements(opener == Direction::in ? zones_in : zones_out, std::move(zones));
    }
    return text + ban_commands(bans, now);
}

}  // namespace

std::string load_text(const std::string &commands, const Devices &devices,
                      const std::vector<Ban> &bans, std::uint64_t now) {
    // To delete a table that is not there is an error, to add one that is there is none.
    return whole(of_table("add") + of_table("delete") + of_table("add") +
                 content(commands, devices, bans, now));
}

std::string copy_text(const std::string &name, const std::string &commands, const Devices &devices,
                      const std::vector<Ban> &bans, std::uint64_t now) {
    return whole(renamed(content(commands, devices, bans, now), name));
}

std::string replace_text(const std::vector<Ban> &bans, std::uint64_t now) {
    std::string elements[2], text;
    for (const BannedRange &one : banned_ranges(bans, now)) {
        std::string &list = elements[one.range.first.is_v4() ? 0 : 1];
        list += (list.empty() ? "" : ", ") + element_text(one);
    }
    for (const Family family : families) {
        const std::string set = fmt::format("inet {} {}", table_name, banned_set(family));
        const std::string &list = elements[family == Family::v4 ? 0 : 1];
        text += fmt::format("flush set {}\n", set);
        if (!list.empty()) text += fmt::format("add element {} {{ {} }}\n", set, list);
    }
    return text;
}

Done load_table(const std::string &commands, const Devices &devices, const std::vector<Ban> &bans) {
    auto loaded = run_nftables("load the parachute",
                               load_text(commands, devices, bans, realtime_ns()), NftRun::for_real);
    if (loaded && std::ranges::any_of(bans, [](const Ban &one) { return one.expires.has_value(); }))
        (void)replace_bans(bans);  // without it some end less than a second early
    return loaded;
}

Done check_table(const std::string &commands) {
    return run_nftables(
        "use the parachute",
        whole(command("add", "table", {{"family", "inet"}, {"name", checked_name}}) +
              renamed(without_hooks(commands), checked_name)),
        NftRun::dry);
}

Done replace_bans(const std::vector<Ban> &bans) {
    return run_nftables("change the parachute's bans", replace_text(bans, realtime_ns()),
                        NftRun::for_real);
}

Done remove_table() {
    return run_nftables("remove the parachute", whole(of_table("add") + of_table("delete")),
                        NftRun::for_real);
}

}  // namespace pm::parachute
