// SPDX-License-Identifier: Apache-2.0
// The commands that attach and detach: apply, detach.
#include <malloc.h>

#include <unistd.h>

#include <cstdio>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/targets.h"
#include "loader/attach/unfilter.h"
#include "loader/base/duration.h"
#include "loader/base/lock.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/switch.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/state/detached.h"
#include "loader/state/policy_source.h"
#include "loader/update/apply.h"
#include "loader/update/rollout.h"
#include "policy/model/print.h"

namespace pm::command {
namespace {

// The policy in force, its set files read anew.
Result<Source> read_in_force_anew(const Paths &paths) {
    auto pins = Pins::open(paths);
    if (!pins) return tl::unexpected(pins.error());
    if (!*pins)
        return fault("no policy is in force, and none is named",
                     "name one: portmatrix apply POLICY -i INTERFACE", Exit::usage);
    auto control = Switch::open((*pins)->maps(), Switch::Access::read);
    if (!control) return tl::unexpected(control.error());
    auto in_force = read_in_force(*control);
    if (!in_force) return tl::unexpected(in_force.error());
    if (in_force->state.epoch == 0)
        return fault("no policy is in force, and none is named", "name one", Exit::usage);
    if (in_force->catalog.generation == 0)  // confirmed, it would take the place of the policy
        return fault("in force is only what a restore left that failed, and no policy is named",
                     "try the confirmed policy again: portmatrix restore; or name one: portmatrix "
                     "apply POLICY",
                     Exit::refused);
    return read_source_text(in_force->catalog.document, "the policy in force", Expectations::ask);
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

struct Detached {
    std::vector<std::string> names;  // unfiltered now
    std::vector<std::string> notes;  // what was settled before
    Done cleared;                    // whether nothing is left of them
};

// Every hook of every interface stops at once.
Done stop_all(const Paths &paths, const Pins &pins, Detached &done) {
    auto control = Switch::open(pins.maps(), Switch::Access::write);
    if (!control) return tl::unexpected(control.error());
    auto expiry = settle_expiry(paths, pins, *control);
    if (!expiry) return tl::unexpected(expiry.error());
    if (*expiry) done.notes.push_back(**expiry);
    const Switch::State now = control->state();
    pm_record off = now.record;
    off.mode = PM_MODE_OFF;
    off.deadline = off.fallback = 0;
    return set_detached_names(paths, {}).and_then([&] { return control->publish(off, now.epoch); });
}

// On these interfaces: no policy holds there any more, whoever gets their numbers next. `watch`
// leaves them alone.
Done stop_on(const Paths &paths, const std::vector<Pins::Interface> &interfaces, Detached &done) {
    Rollout rollout(paths);
    if (auto opened = rollout.open(); !opened) return opened;
    done.notes = rollout.notes();
    const std::vector<std::string> before = detached_names(paths);
    std::vector<std::string> detached = before;
    detached.insert(detached.end(), done.names.begin(), done.names.end());
    auto stopped = set_detached_names(paths, detached).and_then([&]() -> Done {
        if (rollout.before().mode == PM_MODE_OFF) return {};
        return rollout.writer()->republish([&](pm_record &record) {
            for (const Pins::Interface &one : interfaces)
                record.interfaces &= static_cast<std::uint16_t>(~(1u << one.number));
        });
    });
    if (!stopped) (void)set_detached_names(paths, before);
    return stopped;
}

// Removes links, filters, programs and counters; with the last interface everything else too. A
// fault: nothing changed.
Result<Detached> detach_interfaces(const Paths &paths, const Detach &arguments) {
    auto pins = Pins::open(paths);
    if (!pins) return tl::unexpected(pins.error());
    Detached done;
    if (!*pins) {
        if (!arguments.all)
            return fault(fmt::format("nothing is attached to '{}'", arguments.interfaces[0]), {},
                         Exit::usage);
        Pins::remove_all(paths);  // what an interrupted detach left
        return done;
    }
    auto all = (*pins)->interfaces();
    auto chosen = select_interfaces(**pins, arguments.interfaces);
    if (!all) return tl::unexpected(all.error());
    if (!chosen) return tl::unexpected(chosen.error());

    const bool last = chosen->size() == all->size();
    for (const Pins::Interface &one : *chosen) done.names.push_back(one.name());
    auto stopped = last ? stop_all(paths, **pins, done) : stop_on(paths, *chosen, done);
    if (!stopped) return tl::unexpected(stopped.error());
    for (const Pins::Interface &one : *chosen)
        if (auto cleared = detach(**pins, one); !cleared && !last) done.cleared = cleared;
    if (last) Pins::remove_all(paths);  // with all entries
    return done;
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
    auto source = arguments.policy.empty() ? read_in_force_anew(paths)
                                           : read_source(arguments.policy, Expectations::ask);
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

int run(const Detach &arguments) {
    const Paths paths = Paths::from_environment();
    if (auto root = need_root(); !root) return end_unchanged("detach", root.error(), {});
    auto lock = Lock::writer(paths);
    if (!lock) return end_unchanged("detach", lock.error(), {});
    if (arguments.all == !arguments.interfaces.empty())
        return end_unchanged(
            "detach", Fault{"name the interfaces with -i, or say --all", {}, Exit::usage}, {});
    if (arguments.force && !arguments.all)
        return end_unchanged("detach", Fault{"--force goes with --all", {}, Exit::usage}, {});
    auto done = detach_interfaces(paths, arguments);
    if (!done && arguments.force)
        done = unfilter_all(paths).map([](auto names) {
            return Detached{std::move(names), {}, {}};
        });
    if (!done) return end_unchanged("detach", done.error(), {});
    for (const std::string &name : done->names)
        record_done("detach", fmt::format("{} is now unfiltered", name));
    for (const std::string &note : done->notes) print_note(note);
    for (const std::string &name : done->names)
        print_note(fmt::format("{} is now unfiltered", name));
    if (!done->cleared)
        return end(Fault{done->cleared.error().message, "the same command clears away the rest"});
    if (done->names.empty()) print_note("nothing was attached");
    return end(Exit::done);
}

}  // namespace pm::command
