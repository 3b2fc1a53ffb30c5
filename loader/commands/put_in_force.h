// SPDX-License-Identifier: Apache-2.0
// What `apply` does once the policy is read, and `rollback --to` with one that was kept.
#pragma once

#include <cstdint>

#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/state/policy_source.h"
#include "loader/state/written.h"

namespace pm::command {

struct ChosenPolicy {
    Source source;
    WrittenFiles files;         // as it was written
    std::uint64_t kept_as = 0;  // the generation that is gone back to; 0: none, it is an apply
};

// Puts it in force with every check, or changes nothing, and ends the command. The caller holds the
// writer's lock.
int put_in_force(const Paths &paths, const ApplyArguments &arguments, ChosenPolicy chosen);

}  // namespace pm::command
