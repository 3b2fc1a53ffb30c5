// SPDX-License-Identifier: Apache-2.0
// The command check: reads, checks and compiles a policy.
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/parachute/render.h"
#include "loader/show/parachute.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/state/policy_source.h"
#include "policy/check/lint.h"

namespace pm::command {

int run_check(const CheckArguments &arguments) {
    auto source = read_source(arguments.policy, Expectations::ask);
    if (!source) return end(source.error());
    if (source->policy && !source->diagnostics.has_errors())
        lint(*source->policy, source->diagnostics);

    const Diagnostics &found = source->diagnostics;
    if (arguments.parachute && source->policy && !found.has_errors()) {
        const auto closed = parachute::closed_rows(*source->policy);
        fmt::print(
            "{}", arguments.json ? show::closed_rows_json(closed) : show::closed_rows_text(closed));
        return end(Exit::done);
    }
    if (arguments.json) {
        fmt::print("{}", show::diagnostics_json(found));
    } else {
        if (source->policy)
            fmt::print("{}", show::matrix_text(*source->policy, colour_on(STDOUT_FILENO)));
        std::fflush(stdout);  // before the findings where both go to one place
        print_diagnostics(found);
        const auto errors = static_cast<std::uint64_t>(found.errors());
        const auto warnings = static_cast<std::uint64_t>(found.warnings());
        print_note(fmt::format(
            "{}: {}, {}{}", arguments.policy, show::plural(errors, "error"),
            show::plural(warnings, "warning"),
            source->image ? fmt::format(", {} bytes compiled", source->image->bytes.size()) : ""));
    }
    return end(found.has_errors() ? Exit::invalid : Exit::done);
}

}  // namespace pm::command
