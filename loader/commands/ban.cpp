// SPDX-License-Identifier: Apache-2.0
// The commands of the dynamic block list: ban, unban, bans; and of what happened: history.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <set>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/duration.h"
#include "loader/base/lock.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/state/ban_list.h"
#include "loader/state/history.h"
#include "loader/update/ban.h"

namespace pm::command {
namespace {

constexpr std::size_t sha256_shown = 12;  // digits, as on the exporter's page

Done add_prefix(const std::string &word, std::vector<Prefix> &prefixes) {
    auto prefix = parse_prefix(word);
    if (!prefix) return fault(prefix.error(), {}, Exit::usage);
    prefixes.push_back(*prefix);
    return {};
}

// `name`: of what the lines are from.
Done add_lines(std::istream &lines, const std::string &name, std::vector<Prefix> &prefixes) {
    std::string line;
    for (int number = 1; std::getline(lines, line); number++) {
        line = line.substr(0, line.find('#'));
        line.erase(0, line.find_first_not_of(" \t"));
        line.erase(line.find_last_not_of(" \t\r") + 1);
        if (line.empty()) continue;
        if (auto added = add_prefix(line, prefixes); !added)
            return fault(fmt::format("{}: line {}: {}", name, number, added.error().message), {},
                         Exit::usage);
    }
    return {};
}

// Each once.
Result<std::vector<Prefix>> read_prefixes(const std::vector<std::string> &words,
                                          const std::string &file) {
    std::vector<Prefix> prefixes;
    for (const std::string &word : words)
        if (auto added = add_prefix(word, prefixes); !added) return tl::unexpected(added.error());
    Done added;
    if (file == "-") {
        added = add_lines(std::cin, "standard input", prefixes);
    } else if (!file.empty()) {
        std::ifstream lines(file);
        if (!lines) return cannot(fmt::format("read '{}'", file), errno, {});
        added = add_lines(lines, file, prefixes);
    }
    if (!added) return tl::unexpected(added.error());
    std::set<Range> seen;
    std::erase_if(prefixes, [&](const Prefix &one) { return !seen.insert(one.range()).second; });
    if (prefixes.empty()) return fault("nobody to ban is named", {}, Exit::usage);
    return prefixes;
}

std::string named(const std::vector<Prefix> &prefixes) {
    return prefixes.size() == 1 ? to_string(prefixes[0])
                                : fmt::format("{} prefixes", prefixes.size());
}

int end_done(const char *action, const std::string &what, const BanOutcome &outcome) {
    const std::string text = fmt::format(
        "{}; {} in all{}", what, show::plural(outcome.bans, "ban"),
        outcome.enforced ? "" : "; no policy is in force, so they drop nothing until one is");
    record_done(action, text);
    for (const std::string &note : outcome.notes) print_note(note);
    print_note(text);
    return end(Exit::done);
}

int ban_or_fail(const Ban &arguments) {
    const Paths paths = Paths::from_environment();
    auto prefixes = read_prefixes(arguments.prefixes, arguments.file);
    if (!prefixes) return end_unchanged("ban", prefixes.error());
    BanRequest request{*prefixes, std::nullopt, arguments.force};
    if (!arguments.duration.empty()) {
        auto seconds = parse_duration(arguments.duration);
        if (!seconds) return end_unchanged("ban", seconds.error());
        request.seconds = *seconds;
    }
    if (auto root = need_root(); !root) return end_unchanged("ban", root.error());
    auto lock = Lock::writer(paths);
    if (!lock) return end_unchanged("ban", lock.error());
    auto outcome = ban(paths, request);
    if (!outcome) return end_unchanged("ban", outcome.error());
    return end_done("ban",
                    named(*prefixes) + " banned " +
                        (request.seconds ? "for " + arguments.duration : "until it is lifted"),
                    *outcome);
}

}  // namespace

int run(const Ban &arguments) {
    return ban_or_fail(arguments);
}

int run(const Unban &arguments) {
    const Paths paths = Paths::from_environment();
    auto prefixes = read_prefixes(arguments.prefixes, {});
    if (!prefixes) return end_unchanged("unban", prefixes.error());
    if (auto root = need_root(); !root) return end_unchanged("unban", root.error());
    auto lock = Lock::writer(paths);
    if (!lock) return end_unchanged("unban", lock.error());
    auto outcome = unban(paths, *prefixes);
    if (!outcome) return end_unchanged("unban", outcome.error());
    return end_done("unban", named(*prefixes) + " lifted", *outcome);
}

int run(const Bans &arguments) {
    if (auto root = need_root(); !root) return end(root.error());
    auto bans = read_bans(Paths::from_environment());
    if (!bans) return end(bans.error());
    const std::uint64_t now = realtime_seconds();
    if (arguments.json) {
        for (const pm::Ban &one : *bans) fmt::print("{}", show::ban_json(one, now));
        return end(Exit::done);
    }
    show::Table table({{"PREFIX"}, {"SINCE"}, {"UNTIL"}});
    for (const pm::Ban &one : *bans)
        table.add({to_string(one.prefix), time_text(one.created * 1'000'000'000),
                   one.expires ? time_text(*one.expires * 1'000'000'000) : "it is lifted"});
    fmt::print("{}", table.text(0, colour_on(1)));
    return end(Exit::done);
}

int run(const History &arguments) {
    if (auto root = need_root(); !root) return end(root.error());
    std::size_t torn = 0;
    auto entries = read_history(Paths::from_environment(), torn);
    if (!entries) return end(entries.error());
    if (torn) print_note(fmt::format("warning: {} torn and left out", show::plural(torn, "line")));
    if (arguments.limit && entries->size() > arguments.limit)
        entries->erase(entries->begin(),
                       entries->end() - static_cast<std::ptrdiff_t>(arguments.limit));
    if (arguments.json) {
        for (const HistoryEntry &one : *entries) fmt::print("{}", history_json(one));
        return end(Exit::done);
    }
    show::Table table({{"TIME"},
                       {"USER"},
                       {"ACTION"},
                       {"OUTCOME"},
                       {"GENERATION"},
                       {"SHA256"},
                       {"MESSAGE"},
                       {"COMMAND"}});
    for (const HistoryEntry &one : *entries)
        table.add({time_text(one.time), one.user, one.action, one.outcome,
                   one.generation ? std::to_string(one.generation) : "",
                   one.sha256.substr(0, sha256_shown), one.message, one.command});
    fmt::print("{}", table.text(0, colour_on(1)));
    return end(Exit::done);
}

}  // namespace pm::command
