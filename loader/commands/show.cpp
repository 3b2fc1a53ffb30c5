// SPDX-License-Identifier: Apache-2.0
// The command show: prints a policy as it was resolved.
#include <algorithm>
#include <cstdint>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/state/store.h"
#include "policy/base/text.h"
#include "policy/model/print.h"

namespace pm::command {
namespace {

int show_generation(std::uint64_t number) {
    auto store = Store::open(Paths::from_environment());
    if (!store) return end(store.error());
    const auto numbers = store->all_numbers();
    if (!numbers) return end(numbers.error());
    if (std::find(numbers->begin(), numbers->end(), number) == numbers->end())
        return end(Fault{fmt::format("generation {} is not kept; these are: {}", number,
                                     fmt::join(*numbers, ", ")),
                         {},
                         Exit::usage});
    auto text = store->policy_text(number);
    if (!text) return end(text.error());
    fmt::print("{}", printable_lines(*text));
    return end(Exit::done);
}

}  // namespace

int run_show(const ShowArguments &arguments) {
    if (!arguments.policy.empty()) {
        auto source = read_valid_policy(arguments.policy, Expectations::skip);
        if (!source) return source.error();
        fmt::print("{}", print(*source->policy));
        return end(Exit::done);
    }
    if (arguments.generation) return show_generation(*arguments.generation);
    auto deployment = need_policy_or_file();
    if (!deployment) return end(deployment.error());
    fmt::print("{}", printable_lines(deployment->in_force.catalog.document));
    return end(Exit::done);
}

}  // namespace pm::command
