// SPDX-License-Identifier: Apache-2.0
// Shared by the commands: asking for root, opening what is pinned, reading a policy file, and
// ending with the right messages, exit status and entry in the history.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/lock.h"
#include "loader/kernel/deployment.h"
#include "loader/state/policy_source.h"
#include "loader/update/outcome.h"
#include "policy/base/fd.h"

namespace pm::command {

// Beginning

Done need_root(const std::string &remedy = "try again with sudo");
Result<Lock> lock_as_root();  // the writer's lock

// What is pinned and in force; a fault where the caller is not root.
Result<std::optional<Deployment>> open_as_root();
Result<Deployment> need_as_root(const Fault &missing);

// The same for a command that could read a policy file instead.
Result<Deployment> need_policy_or_file();

// The policy of a file. A file with errors: they are printed, and the error is the exit status.
tl::expected<Source, int> read_valid_policy(const std::string &path, Expectations expectations);

Fd end_signals();  // readable once SIGINT or SIGTERM has come; these end nothing any more

// Ending

int end(Exit status);
int end(const Fault &fault);  // prints it

// The end of a command that was to change something and did not. The fault goes into the history as
// of `action`, and the last line on stderr says what is in force now. `asked`: the interfaces on
// which a policy was to be put in force.
int end_unchanged(const std::string &action, const Fault &fault,
                  const std::vector<std::string> &asked = {});

// The end of confirm, rollback and restore, which put a generation in force again.
int end_in_force(const std::string &action, const Outcome &outcome);

// After a policy was put in force: takes the parachute away if it is no longer needed, and has that
// of the confirmed generation made.
void settle_parachute();

// Runs `change` as root and under the lock, and ends in one of these two ways.
int end_after(const std::string &action, Result<Outcome> (*change)(const Paths &));

// Entries in the history. A usage fault makes none.
void record_done(const std::string &action, const std::string &message,
                 std::uint64_t generation = 0, const std::string &sha256 = {});
void record_refused(const std::string &action, const Fault &fault);

// "generation 41 stays in force on eth0". If nothing is: "eth0 is not filtered" of those `asked`.
std::string in_force_text(const std::vector<std::string> &asked = {});

// That programs of ours filter which have no pins here; empty: there are none. Where no policy is
// in force by the pins, "nothing is filtered" would be wrong then.
std::string own_programs_text();

void print_in_force();                                             // that as the last line
void print_unchanged(const std::vector<std::string> &asked = {});  // and that nothing changed

void print_diagnostics(const Diagnostics &diagnostics);

}  // namespace pm::command
