// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/common.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/switch.h"
#include "loader/observe/snapshot.h"
#include "loader/state/history.h"
#include "loader/state/policy_source.h"
#include "loader/state/store.h"
#include "policy/image/catalog.h"
#include "policy/language/read.h"
#include "policy/model/diff.h"
#include "policy/model/print.h"

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

// "generation 41 stays in force on eth0"; `asked` are interfaces that nothing holds on.
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

int end_unchanged(const std::string &action, const Fault &fault,
                  const std::vector<std::string> &asked) {
    record_refused(action, fault);
    print_fault(fault);
    print_plain(fmt::format("  nothing changed; {}\n", in_force_text(asked)));
    return end(fault.exit);
}

int end(const Fault &fault) {
    print_fault(fault);
    return end(fault.exit);
}

Result<std::optional<Deployment>> open_as_root() {
    return need_root().and_then([] { return open_deployment(Paths::from_environment()); });
}

Result<Deployment> need_as_root(const Fault &missing) {
    return need_root().and_then(
        [&] { return need_deployment(Paths::from_environment(), missing); });
}

void say_in_force() {
    print_plain(fmt::format("  nothing changed; {}\n", in_force_text({})));
}

}  // namespace pm::command
