// SPDX-License-Identifier: Apache-2.0
// The hidden command render-parachute, which runs beside what confirmed a policy.
#include <sys/resource.h>

#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/rescue/renew.h"

namespace pm::command {

int run_render_parachute() {
    if (auto root = need_root(); !root) return end(root.error());
    (void)setpriority(PRIO_PROCESS, 0, 10);  // others are served first
    if (auto made = renew_parachute(Paths::from_environment()); !made) return end(made.error());
    return end(Exit::done);
}

}  // namespace pm::command
