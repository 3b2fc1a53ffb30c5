// SPDX-License-Identifier: Apache-2.0
// What commands share: how they begin, and how they end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/deployment.h"
#include "policy/base/fd.h"
#include "policy/image/catalog.h"
#include "policy/image/compile.h"

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

Done need_root(const std::string &remedy = "try again with sudo");
// Faults where the caller is not root, too.
Result<std::optional<Deployment>> open_as_root();
Result<Deployment> need_as_root(const Fault &missing);

// " (audit: nothing is dropped)", or nothing.
const char *mode_remark(pm_mode mode);

}  // namespace pm::command
