// SPDX-License-Identifier: Apache-2.0
#include "loader/parachute/table.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <set>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/parachute/frame.h"
#include "loader/parachute/render.h"
#include "loader/parachute/ruleset.h"
#include "policy/base/fd.h"
#include "policy/base/whole_file.h"

namespace pm::parachute {
namespace {

// A ban that ends later than this is one without an end: nftables counts milliseconds in few bits.
constexpr std::uint64_t longest_timeout = 365 * 86400;
constexpr std::size_t longest_message = 65536;

constexpr const char *checked_name = "portmatrix-parachute-checked";

enum class Run { for_real, dry };

// nftables' own words: the first line, without what points to places in the text.
std::string first_line(std::string text) {
    if (const std::size_t at = text.find("Error: "); at != std::string::npos)
        text = text.substr(at + 7);
    text.resize(std::min(text.size(), text.find('\n')));
    return text;
}

// Runs in the child. Returns the exit status; what goes wrong is written to `out`.
int run_here(const std::string &text, Run run, int out) {
    // The library prints there too.
    const Fd silence(open("/dev/null", O_WRONLY | O_CLOEXEC));
    (void)dup2(silence.get(), STDERR_FILENO);  // what it would print is told otherwise as well
    // nft_ctx_new() would end the process.
    const Fd probe(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    std::string message;
    if (!probe) {
        message = fmt::format("no netlink of netfilter (errno {})", errno);
    } else if (nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT); !nft) {
        message = "libnftables cannot begin";
    } else {
        nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
        nft_ctx_set_dry_run(nft, run == Run::dry);
        nft_ctx_buffer_output(nft);
        nft_ctx_buffer_error(nft);
        if (nft_run_cmd_from_buffer(nft, text.c_str()) == 0) return 0;
        message = nft_ctx_get_error_buffer(nft);
    }
    (void)write_whole(out, first_line(message));  // the exit status says enough
    return 1;
}

Done run(const char *what, const std::string &text, Run how) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return cannot(what, errno);
    const Fd from(ends[0]);
    Fd to(ends[1]);
    const pid_t child = fork();
    if (child < 0) return cannot(what, errno);
    if (child == 0) _exit(run_here(text, how, to.get()));
    to = Fd();
    auto message = read_whole(from.get(), 256, longest_message);
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return cannot(what, errno);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFSIGNALED(status))
        return fault(fmt::format("cannot {}: ended by signal {}", what, WTERMSIG(status)));
    return fault(fmt::format("cannot {}: {}", what,
                             message && !message->empty() ? *message : "nftables says no more"));
}

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
    return Json({{verb, {{kind, std::move(object)}}}}).dump() + "\n";
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

// Ranges that do not overlap, each with the end of the ban of it that ends last; none: never.
struct BannedRange {
    Range range;
    std::optional<std::uint64_t> expires;
};

struct BanEdge {
    Address at;
    std::uint64_t expires;
    bool begins;
};

std::vector<BannedRange> banned_ranges(const std::vector<Ban> &bans, std::uint64_t now) {
    constexpr std::uint64_t never = ~std::uint64_t{0};
    std::vector<BanEdge> edges;
    for (const Ban &one : bans) {
        const std::uint64_t expires = one.expires.value_or(never);
        if (expires <= now) continue;
        const Range range = one.prefix.range();
        edges.push_back({.at = range.first, .expires = expires, .begins = true});
        edges.push_back({.at = range.last.next(), .expires = expires, .begins = false});
    }
    std::ranges::sort(edges, std::less<>(), &BanEdge::at);
    std::vector<BannedRange> all;
    std::multiset<std::uint64_t> held;  // the ends of the bans that hold here
    for (std::size_t i = 0; i < edges.size(); ++i) {
        if (edges[i].begins)
            held.insert(edges[i].expires);
        else
            held.erase(held.find(edges[i].expires));
        if (held.empty() || i + 1 == edges.size() || edges[i + 1].at == edges[i].at) continue;
        const std::uint64_t expires = *held.rbegin();
        all.push_back({.range = {edges[i].at, before(edges[i + 1].at)},
                       .expires = expires == never ? std::nullopt : std::optional(expires)});
    }
    return all;
}

std::string ban_commands(const std::vector<Ban> &bans, std::uint64_t now) {
    Json elements[2] = {Json::array(), Json::array()};
    for (const BannedRange &one : banned_ranges(bans, now)) {
        Json element = element_of(one.range);
        if (one.expires && *one.expires - now <= longest_timeout)
            element = {{"elem", {{"val", std::move(element)}, {"timeout", *one.expires - now}}}};
        elements[one.range.first.is_v4() ? 0 : 1].push_back(std::move(element));
    }
    return add_elements(banned_set(Family::v4), std::move(elements[0])) +
           add_elements(banned_set(Family::v6), std::move(elements[1]));
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
        const std::string name = fmt::format("\"table\":\"{}\"", table_name);
        if (const std::size_t found = line.find(name); found != std::string::npos)
            line.replace(found, name.size(), fmt::format("\"table\":\"{}\"", checked_name));
        text += line + "\n";
        at = end + 1;
    }
    return text;
}

}  // namespace

std::string load_text(const std::string &commands, const Devices &devices,
                      const std::vector<Ban> &bans, std::uint64_t now) {
    // To delete a table that is not there is an error, to add one that is there is none.
    std::string text = of_table("add") + of_table("delete") + of_table("add") + commands;
    Json open = Json::array({"lo"});
    for (const std::string &name : devices.open) open.push_back(name);
    text += add_elements(open_devices, std::move(open));
    for (const Direction opener : {Direction::in, Direction::out}) {
        Json zones = Json::array();
        for (const auto &[device, zone] : devices.zones)
            zones.push_back(Json::array({device, go_to(zone_chain(opener, zone))}));
        text += add_elements(opener == Direction::in ? zones_in : zones_out, std::move(zones));
    }
    return whole(text + ban_commands(bans, now));
}

Done load_table(const std::string &commands, const Devices &devices, const std::vector<Ban> &bans) {
    return run("load the parachute", load_text(commands, devices, bans, realtime_seconds()),
               Run::for_real);
}

Done check_table(const std::string &commands) {
    return run("use the parachute",
               whole(command("add", "table", {{"family", "inet"}, {"name", checked_name}}) +
                     without_hooks(commands)),
               Run::dry);
}

Done replace_bans(const std::vector<Ban> &bans) {
    std::string text;
    for (const Family family : families)
        text += command("flush", "set",
                        {{"family", "inet"}, {"table", table_name}, {"name", banned_set(family)}});
    return run("change the parachute's bans", whole(text + ban_commands(bans, realtime_seconds())),
               Run::for_real);
}

Done remove_table() {
    return run("remove the parachute", whole(of_table("add") + of_table("delete")), Run::for_real);
}

}  // namespace pm::parachute
