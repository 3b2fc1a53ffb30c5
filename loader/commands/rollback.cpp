// SPDX-License-Identifier: Apache-2.0
// The command rollback: puts the policy before in force; run again, the later one.
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/update/confirm.h"

namespace pm::command {

int run_rollback() {
    return end_after("rollback", roll_back);
}

}  // namespace pm::command
