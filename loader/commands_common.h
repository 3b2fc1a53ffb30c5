// SPDX-License-Identifier: Apache-2.0
// What commands share: how they begin, and how they end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/fault.h"
#include "loader/fd.h"
#include "loader/pins.h"
#include "policy/catalog.h"
#include "policy/compile.h"

namespace pm::command {

int end(Exit status);
int end(const Fault &fault);  // prints it

// The same where something was not done: the last line on stderr is what is in force now.
// `asked` are interfaces that the command was to put a policy on.
// It goes into the history as `action`.
int end_unchanged(const std::string &action, const Fault &fault,
                  const std::vector<std::string> &asked = {});

// Into the history: it was done.
void record_done(const std::string &action, const std::string &message,
                 std::uint64_t generation = 0, const std::string &sha256 = {});
void record_refused(const std::string &action, const Fault &fault);

// "generation 41 stays in force on eth0"
std::string in_force_text(const std::vector<std::string> &asked = {});

Fd end_signals();  // readable once SIGINT or SIGTERM has come; these end nothing any more

// The policy in force as it was stored, whose set files nobody edits. What was not stored, as
// boot's remainder, is read from the kernel, and counts only while its set files are the same.
Result<Policy> read_policy_in_force(const Catalog &catalog);

// The file that the service applies is no policy, or one that `diff` would tell from the one in
// force.
bool policy_file_differs(const Catalog &in_force);

Done need_root();
Result<std::optional<Pins>> open_pins();

// " (audit: nothing is dropped)", or nothing.
const char *mode_remark(pm_mode mode);

}  // namespace pm::command
