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
#include "loader/parachute/note.h"
#include "loader/rescue/raise.h"
#include "loader/rescue/renew.h"
#include "loader/show/words.h"
#include "loader/state/history.h"
#include "policy/base/diagnostic.h"
#include "policy/base/text.h"

namespace pm::command {

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

namespace {

// "; the parachute of generation 7 filters eth0 by nftables", or nothing.
std::string parachute_text(const char *separator) {
    const Paths paths = Paths::from_environment();
    const auto note = parachute::read_note(paths);
    if (!note || !parachute::is_filtering(paths)) return {};
    return fmt::format(
        "{}the parachute of generation {} filters {} by nftables", separator, note->generation,
        note->interfaces.empty() ? std::string("every device")
                                 : fmt::format("{}", fmt::join(note->interfaces, ", ")));
}

std::string programs_in_force_text(const std::vector<std::string> &asked) {
    auto pins = Pins::open(Paths::from_environment());
    if (!pins) return "what is in force stays, and cannot be read here";
    Outcome places;
    InForce now;
    if (*pins) {
        auto interfaces = (*pins)->interfaces();
        auto deployment = read_deployment(std::move(**pins));
        if (!interfaces || !deployment) return "what is in force cannot be read";
        places = outcome_now(*interfaces, deployment->control);
        now = std::move(deployment->in_force);
    }
    if (!places.interfaces.empty() || !places.absent.empty())
        return fmt::format(
            "{} {} in force {}{}{}",
            now.catalog.generation ? fmt::format("generation {}", now.catalog.generation)
                                   : now.catalog.policy,
            now.catalog.generation ? "stays" : "is", places_text(places),
            show::mode_remark(now.mode),
            now.seconds_left
                ? fmt::format(", for {} s more unless it is confirmed", *now.seconds_left)
                : "");
    if (std::string instead = parachute_text(""); !instead.empty()) return instead;
    if (std::string own = own_programs_text(); !own.empty()) return own;
    if (asked.empty()) return "no policy is in force; nothing is filtered";
    return fmt::format("{} {} not filtered", fmt::join(asked, ", "),
                       asked.size() == 1 ? "is" : "are");
}

}  // namespace

std::string own_programs_text() {
    const auto own = devices_with_own_program(Paths::from_environment());
    if (own.empty()) return {};
    return fmt::format(
        "by the pins here no policy is in force, but programs of portmatrix without pins here "
        "filter {}",
        fmt::join(own, ", "));
}

std::string in_force_text(const std::vector<std::string> &asked) {
    if (geteuid() != 0) return "what is in force, only root can read";
    const std::string instead = parachute_text("; ");
    const std::string text = programs_in_force_text(asked);
    return instead.ends_with(text) ? text : text + instead;
}

void settle_parachute() {
    const Paths paths = Paths::from_environment();
    auto lowered = lower_parachute(paths);
    if (!lowered) print_fault(lowered.error());
    if (lowered && *lowered) print_note(**lowered);
    (void)start_renewal(paths);  // if it does not start, `watch` has it made
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
    print_plain(fmt::format("  {}\n", printable(in_force_text())));
}

void print_unchanged(const std::vector<std::string> &asked) {
    print_plain(fmt::format("  nothing changed; {}\n", printable(in_force_text(asked))));
}

int end_unchanged(const std::string &action, const Fault &fault,
                  const std::vector<std::string> &asked) {
    record_refused(action, fault);
    print_fault(fault);
    print_unchanged(asked);
    return end(fault.exit);
}

int end_in_force(const std::string &action, const Outcome &outcome) {
    const std::string text = fmt::format("generation {} ({}) {} in force {}{}", outcome.generation,
                                         outcome.policy, outcome.changed ? "is" : "is already",
                                         places_text(outcome), show::mode_remark(outcome.mode));
    // The entry comes before the text: if nobody reads stderr, printing there ends the process.
    if (outcome.changed) record_done(action, text, outcome.generation, outcome.sha256);
    for (const std::string &note : outcome.notes) print_note(note);
    print_note(text);
    settle_parachute();
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
