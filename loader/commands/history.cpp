// SPDX-License-Identifier: Apache-2.0
// The command history: every change and refusal, and who it was.
#include "loader/state/history.h"

#include <cstddef>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/show/table.h"

namespace pm::command {
namespace {

constexpr std::size_t sha256_shown = 12;  // digits, as on the exporter's page

}  // namespace

int run_history(const HistoryArguments &arguments) {
    if (auto root = need_root(); !root) return end(root.error());
    auto history = read_history(Paths::from_environment());
    if (!history) return end(history.error());
    auto &[entries, torn] = *history;
    if (torn) print_note(fmt::format("warning: {} torn and left out", show::plural(torn, "line")));
    if (arguments.limit && entries.size() > arguments.limit)
        entries.erase(entries.begin(),
                      entries.end() - static_cast<std::ptrdiff_t>(arguments.limit));
    if (arguments.json) {
        for (const HistoryEntry &one : entries) fmt::print("{}", history_json(one));
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
    for (const HistoryEntry &one : entries)
        table.add({time_text(one.time), one.user, one.action, one.outcome,
                   one.generation ? std::to_string(one.generation) : "",
                   one.sha256.substr(0, sha256_shown), one.message, one.command});
    fmt::print("{}", table.text(0, colour_on(1)));
    return end(Exit::done);
}

}  // namespace pm::command
