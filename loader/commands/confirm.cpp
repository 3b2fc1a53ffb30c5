// SPDX-License-Identifier: Apache-2.0
// The command confirm: keeps the policy that waits to be confirmed.
#include "loader/update/confirm.h"

#include "loader/commands/commands.h"
#include "loader/commands/common.h"

namespace pm::command {

int run_confirm() {
    return end_after("confirm", confirm);
}

}  // namespace pm::command
