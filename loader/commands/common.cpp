// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/common.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/occupant.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/kernel/switch.h"
#include "loader/state/history.h"
#include "policy/base/diagnostic.h"

namespace pm::command {

const char *mode_remark(pm_mode mode) {
    return mode == PM_MODE_AUDIT ? " (audit: nothing is dropped)" : "";
}

Fd end_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return Fd(signalfd(-1, &signals, SFD_CLOEXEC));
}

int end(Exit status) {
    return static_cast<int>(status);
}

Done need_root(const std::string &remedy) {
    if (geteuid() == 0) return {};
    return fault("cannot reach the programs in the kernel: only root may (EPERM)", remedy);
}

std::string in_force_text(const std::vector<std::string> &asked) {
    if (geteuid() != 0) return "what is in force, only root can read";
    auto pins = Pins::open(Paths::from_environment());
    if (!pins) return "what is in force cannot be read; it goes on enforcing";
    std::vector<std::string> names;
    InForce now;
    if (*pins) {
        auto interfaces = (*pins)->interfaces();
        auto deployment = read_deployment(std::move(**pins));
        if (!interfaces || !deployment) return "what is in force cannot be read";
        now = std::move(deployment->in_force);
        for (const Pins::Interface &one : *interfaces)
            if (holds_on(now.state.record, one.number)) names.push_back(one.name());
    }
    if (!names.empty())
        return fmt::format(
            "{} {} in force on {}{}{}",
            now.catalog.generation ? fmt::format("generation {}", now.catalog.generation)
                                   : now.catalog.policy,
            now.catalog.generation ? "stays" : "is", fmt::join(names, ", "), mode_remark(now.mode),
            now.seconds_left
                ? fmt::format(", for {} s more unless it is confirmed", *now.seconds_left)
                : "");
    if (const auto own = devices_with_own_program(); !own.empty())
        return fmt::format(
            "by the pins here no policy is in force, but programs of portmatrix without pins here "
            "filter {}",
            fmt::join(own, ", "));
    if (asked.empty()) return "no policy is in force; nothing is filtered";
    return fmt::format("{} {} not filtered", fmt::join(asked, ", "),
                       asked.size() == 1 ? "is" : "are");
}

void record_done(const std::string &action, const std::string &message, std::uint64_t generation,
                 const std::string &sha256) {
    HistoryEntry entry;
    entry.action = action;
    entry.generation = generation;
    entry.sha256 = sha256;
    entry.outcome = "done";
    entry.message = message;
    record(Paths::from_environment(), std::move(entry));
}

void record_refused(const std::string &action, const Fault &fault) {
    if (fault.exit == Exit::usage) return;
    HistoryEntry entry;
    entry.action = action;
    entry.outcome = fault.exit == Exit::refused   ? "refused"
                    : fault.exit == Exit::invalid ? "invalid"
                                                  : "failed";
    entry.message = fault.message;
    record(Paths::from_environment(), std::move(entry));
}

void print_in_force() {
    print_plain(fmt::format("  {}\n", in_force_text()));
}

void print_unchanged(const std::vector<std::string> &asked) {
    print_plain(fmt::format("  nothing changed; {}\n", in_force_text(asked)));
}

int end_unchanged(const std::string &action, const Fault &fault,
                  const std::vector<std::string> &asked) {
    record_refused(action, fault);
    print_fault(fault);
    print_unchanged(asked);
    return end(fault.exit);
}

int end_in_force(const std::string &action, const Outcome &outcome) {
    const std::string text =
        fmt::format("generation {} ({}) {} in force on {}{}", outcome.generation, outcome.policy,
                    outcome.changed ? "is" : "is already", fmt::join(outcome.interfaces, ", "),
                    mode_remark(outcome.mode));
    // The entry comes before the text: if nobody reads stderr, printing there ends the process.
    if (outcome.changed) record_done(action, text, outcome.generation, outcome.sha256);
    for (const std::string &note : outcome.notes) print_note(note);
    print_note(text);
    return end(Exit::done);
}

int end_after(const std::string &action, Result<Outcome> (*change)(const Paths &)) {
    auto lock = lock_as_root();
    if (!lock) return end_unchanged(action, lock.error());
    auto outcome = change(Paths::from_environment());
    if (!outcome) return end_unchanged(action, outcome.error());
    return end_in_force(action, *outcome);
}

int end(const Fault &fault) {
    print_fault(fault);
    return end(fault.exit);
}

Result<Lock> lock_as_root() {
    return need_root().and_then([] { return Lock::writer(Paths::from_environment()); });
}

Result<std::optional<Deployment>> open_as_root() {
    return need_root().and_then([] { return open_deployment(Paths::from_environment()); });
}

Result<Deployment> need_as_root(const Fault &missing) {
    return need_root().and_then(
        [&] { return need_deployment(Paths::from_environment(), missing); });
}

Result<Deployment> need_policy_or_file() {
    return need_root("name a policy with --policy").and_then([] {
        return need_deployment(Paths::from_environment(), no_policy_in_force());
    });
}

void print_diagnostics(const Diagnostics &diagnostics) {
    print_plain(render(diagnostics, colour_on(STDERR_FILENO)));
}

tl::expected<Source, int> read_valid_policy(const std::string &path, Expectations expectations) {
    auto source = read_source(path, expectations);
    if (!source) return tl::unexpected(end(source.error()));
    if (!source->diagnostics.has_errors()) return std::move(*source);
    print_diagnostics(source->diagnostics);
    return tl::unexpected(end(Exit::invalid));
}

}  // namespace pm::command
