// SPDX-License-Identifier: Apache-2.0
// The command show: prints a policy as it was resolved, or as it was written.
#include <cstdint>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/kept.h"
#include "loader/state/store.h"
#include "policy/base/text.h"
#include "policy/model/print.h"

namespace pm::command {
namespace {

Done show_resolved(const Store &store, std::uint64_t number) {
    return store.policy_text(number).map(
        [](const std::string &text) { fmt::print("{}", printable_lines(text)); });
}

// Of several files, each begins with a comment that has its name.
Done show_written(const Store &store, std::uint64_t number) {
    auto files = store.written(number);
    if (!files) return tl::unexpected(files.error());
    if (files->empty())
        return fault(
            fmt::format("how generation {} was written is not kept: an earlier release stored it, "
                        "or its files had more than {} MB",
                        number, written_limit >> 20),
            fmt::format("see it resolved: portmatrix show --generation {}", number));
    for (const WrittenFile &one : *files) {
        if (files->size() > 1) fmt::print("# file {}\n", printable(one.name));
        fmt::print("{}", printable_lines(one.text));
        if (!one.text.ends_with('\n')) fmt::print("\n");
    }
    return {};
}

int show_kept(const ShowArguments &arguments, const Store &store, std::uint64_t number) {
    const auto done = need_kept(store, number).and_then([&] {
        return arguments.as_written ? show_written(store, number) : show_resolved(store, number);
    });
    return done ? end(Exit::done) : end(done.error());
}

int show_past(const ShowArguments &arguments, const Store &store) {
    const auto past = policy_at(store, arguments.at);
    if (!past) return end(past.error());
    print_note(past->description);
    return show_kept(arguments, store, past->generation);
}

}  // namespace

int run_show(const ShowArguments &arguments) {
    if (!arguments.policy.empty()) {
        auto source = read_valid_policy(arguments.policy, Expectations::skip);
        if (!source) return source.error();
        fmt::print("{}", print(*source->policy));
        return end(Exit::done);
    }
    if (arguments.generation || !arguments.at.empty()) {
        const auto store = open_kept();
        if (!store) return end(store.error());
        return arguments.generation ? show_kept(arguments, *store, *arguments.generation)
                                    : show_past(arguments, *store);
    }
    auto deployment = need_policy_or_file();
    if (!deployment) return end(deployment.error());
    if (arguments.as_written) {
        const auto store = open_kept();
        return store ? show_kept(arguments, *store, deployment->in_force.catalog.generation)
                     : end(store.error());
    }
    fmt::print("{}", printable_lines(deployment->in_force.catalog.document));
    return end(Exit::done);
}

}  // namespace pm::command
