// SPDX-License-Identifier: Apache-2.0
// The command apply: puts a policy in force, for good or until it is confirmed.
#include <malloc.h>

#include <unistd.h>

#include <cstdio>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/duration.h"
#include "loader/base/lock.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/deployment.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/state/policy_source.h"
#include "loader/update/apply.h"
#include "policy/model/print.h"

namespace pm::command {
namespace {

// The policy in force, its set files read anew.
Result<Source> read_in_force_anew(const Paths &paths) {
    auto deployment =
        need_deployment(paths, {"no policy is in force, and none is named",
                                "name one: portmatrix apply POLICY -i INTERFACE", Exit::usage});
    if (!deployment) return tl::unexpected(deployment.error());
    const InForce &now = deployment->in_force;
    if (now.state.epoch == 0)
        return fault("no policy is in force, and none is named", "name one", Exit::usage);
    if (now.catalog.generation == 0)  // confirmed, it would take the place of the policy
        return fault("in force is only what a restore left that failed, and no policy is named",
                     "try the confirmed policy again: portmatrix restore; or name one: portmatrix "
                     "apply POLICY",
                     Exit::refused);
    return read_source_text(now.catalog.document, "the policy in force", true);
}

Result<std::optional<XdpMode>> parse_xdp(const std::string &text) {
    if (text.empty()) return std::nullopt;
    if (text == "auto") return XdpMode::automatic;
    if (text == "native") return XdpMode::native;
    if (text == "generic") return XdpMode::generic;
    return fault(fmt::format("'{}' is no XDP mode", text), "write native, generic or auto",
                 Exit::usage);
}

Result<Applied> apply_source(const Paths &paths, const Source &source, const Apply &arguments) {
    auto xdp = parse_xdp(arguments.xdp);
    if (!xdp) return tl::unexpected(xdp.error());
    ApplyRequest request = {arguments.interfaces, arguments.mode, arguments.shadow, *xdp, 0,
                            arguments.force};
    if (!arguments.confirm_within.empty()) {
        auto seconds = parse_duration(arguments.confirm_within);
        if (!seconds) return tl::unexpected(seconds.error());
        request.confirm_within = *seconds;
    }
    return apply(paths, *source.policy, request);
}

// A shadow is put in force nowhere and attaches nothing.
Done fit_shadow(const Apply &arguments) {
    if (!arguments.shadow) return {};
    if (!arguments.confirm_within.empty())
        return fault(
            "--confirm-within does not go with --mode shadow: there is nothing to roll back",
            "leave it out; the next apply ends the shadow", Exit::usage);
    if (!arguments.xdp.empty())
        return fault("--xdp does not go with --mode shadow: a shadow attaches nothing",
                     "leave it out", Exit::usage);
    return {};
}

int end_invalid(const Apply &arguments, const Diagnostics &found) {
    const auto errors = show::plural(static_cast<std::uint64_t>(found.errors()), "error");
    const std::string name = arguments.policy.empty() ? "the policy in force" : arguments.policy;
    record_refused("apply", {fmt::format("{} has {}", name, errors), {}, Exit::invalid});
    print_plain(render(found, colour_on(STDERR_FILENO)));
    print_note(
        fmt::format("{}; policy not applied; {}", errors, in_force_text(arguments.interfaces)));
    return end(Exit::invalid);
}

// A large policy passes through several vectors of its size. Given back to the kernel and taken
// anew each time, their pages cost a third of the command.
void keep_freed_memory() {
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

}  // namespace

// The record comes before any text: a closed stderr ends the command.
int run(const Apply &arguments) {
    keep_freed_memory();
    const std::vector<std::string> &asked = arguments.interfaces;
    const Paths paths = Paths::from_environment();
    if (auto fits = fit_shadow(arguments); !fits)
        return end_unchanged("apply", fits.error(), asked);
    if (auto root = need_root(); !root) return end_unchanged("apply", root.error(), asked);
    auto lock = Lock::writer(paths);
    if (!lock) return end_unchanged("apply", lock.error(), asked);
    auto source =
        arguments.policy.empty() ? read_in_force_anew(paths) : read_source(arguments.policy, true);
    if (!source) return end_unchanged("apply", source.error(), asked);
    if (source->diagnostics.has_errors()) return end_invalid(arguments, source->diagnostics);
    auto applied = apply_source(paths, *source, arguments);
    if (!applied) return end_unchanged("apply", applied.error(), asked);
    const std::string &name = source->policy->name;
    const std::string done =
        arguments.shadow
            ? fmt::format("{} is judged beside the policy in force", name)
            : fmt::format("generation {} ({}) is in force on {}{}", applied->generation, name,
                          fmt::join(applied->interfaces, ", "), mode_remark(applied->mode));
    const std::string sha256 = arguments.shadow ? digest(*source->policy) : applied->sha256;
    record_done("apply", done, arguments.shadow ? 0 : applied->generation, sha256);
    for (const std::string &note : applied->notes) print_note(note);
    print_note(arguments.shadow ? done + "; see 'portmatrix status'" : done);
    if (!arguments.confirm_within.empty())
        print_note(fmt::format("it is rolled back in {} unless 'portmatrix confirm' keeps it",
                               arguments.confirm_within));
    return end(Exit::done);
}

}  // namespace pm::command
