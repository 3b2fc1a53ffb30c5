// SPDX-License-Identifier: Apache-2.0
// The command drops: what the drop log says of who was dropped, when and why.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/duration.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/observe/drop_log.h"
#include "loader/show/sums.h"
#include "loader/show/table.h"
#include "loader/state/journal.h"
#include "policy/base/text.h"

namespace pm::command {
namespace {

struct DropLog {
    std::vector<LoggedDrops> lines;  // that are wanted
    std::vector<LogMinute> minutes;
};

Result<DropLog> read_log(const DropsArguments &arguments, const Selection &selection,
                         std::uint64_t since) {
    DropLog log;
    auto read = read_journal(log_message_id, since, [&](const JournalFields &fields) {
        const auto entry = parse_log(fields);
        if (!entry) return;
        if (const auto *minute = std::get_if<LogMinute>(&*entry)) log.minutes.push_back(*minute);
        const auto *line = std::get_if<LoggedDrops>(&*entry);
        if (!line || !selects(selection, *line)) return;
        if (arguments.reasons.empty() || contains(arguments.reasons, line->of.reason))
            log.lines.push_back(*line);
    });
    if (!read) return tl::unexpected(read.error());
    return log;
}

LogMinute total_of(const std::vector<LogMinute> &minutes) {
    LogMinute total;
    for (const LogMinute &one : minutes) {
        total.packets += one.packets;
        total.listed += one.listed;
        total.lost += one.lost;
    }
    return total;
}

void print_log(const DropLog &log, std::size_t limit) {
    std::vector<LoggedSum> sums = sum_up(log.lines);
    const std::size_t all = sums.size();
    if (limit != 0 && all > limit) sums.resize(limit);
    fmt::print("{}", show::logged_sums_text(sums, colour_on(STDOUT_FILENO)));
    if (sums.size() < all) fmt::print("and {}\n", show::plural(all - sums.size(), "more line"));
}

// What is not in the lines.
std::string sample_text(const LogMinute &total) {
    return fmt::format(
        "this is a sample, of at most {} lines a minute: {} seen, {} of them in no line; {} more "
        "lost, as they came too fast",
        log_lines_most, show::plural(total.packets, "dropped packet"),
        total.packets - std::min(total.listed, total.packets), total.lost);
}

}  // namespace

int run_drops(const DropsArguments &arguments) {
    auto selection = parse_selection(arguments.selection);
    if (!selection) return end(selection.error());
    if (auto reasons = reason_mask(arguments.reasons); !reasons) return end(reasons.error());
    auto seconds = parse_duration(arguments.since);
    if (!seconds) return end(seconds.error());
    const std::uint64_t now = realtime_seconds();
    auto log = read_log(arguments, *selection, now - std::min(now, *seconds));
    if (!log) return end(log.error());
    if (log->lines.empty() && log->minutes.empty()) {
        if (!has_journal()) return end(no_journal());
        print_note(fmt::format("the journal has no drops of the last {}{}", duration_text(*seconds),
                               geteuid() == 0
                                   ? "; is portmatrix-droplog.service running?"
                                   : "; only root and members of systemd-journal see all of it"));
        return end(Exit::done);
    }
    if (arguments.json) {
        for (const LoggedDrops &line : log->lines) fmt::print("{}", show::logged_drops_json(line));
        for (const LogMinute &one : log->minutes) fmt::print("{}", show::log_minute_json(one));
        return end(Exit::done);
    }
    print_log(*log, arguments.limit);
    if (log->lines.empty()) print_note("no line of the drop log is of this selection");
    print_note(sample_text(total_of(log->minutes)));
    return end(Exit::done);
}

}  // namespace pm::command
