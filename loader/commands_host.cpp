// SPDX-License-Identifier: Apache-2.0
// The commands that change or read what is in force: apply, status, flows, detach.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/apply.h"
#include "loader/commands.h"
#include "loader/lock.h"
#include "loader/message.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/source.h"

namespace pm::command {
namespace {

int end(Exit status) {
    return static_cast<int>(status);
}

Done need_root() {
    if (geteuid() == 0) return {};
    return fault("cannot reach the programs in the kernel: only root may (EPERM)",
                 "try again with sudo");
}

// "generation 41 stays in force on eth0"; `asked` are interfaces that nothing holds on.
std::string in_force_text(const std::vector<std::string> &asked) {
    if (geteuid() != 0) return "what is in force, only root can read";
    auto pins = Pins::open(Places::from_environment());
    if (!pins) return "what is in force cannot be read";
    std::vector<std::string> names;
    InForce now;
    if (*pins) {
        auto interfaces = (*pins)->interfaces();
        auto control = Switch::open((*pins)->maps(), Switch::Access::read);
        if (!interfaces || !control) return "what is in force cannot be read";
        auto in_force = read_in_force(*control);
        if (!in_force) return "what is in force cannot be read";
        now = std::move(*in_force);
        for (const Pins::Interface &one : *interfaces) names.push_back(one.name());
    }
    if (now.mode != PM_MODE_OFF && !names.empty())
        return fmt::format("generation {} stays in force on {}{}", now.catalog.generation,
                           fmt::join(names, ", "),
                           now.mode == PM_MODE_AUDIT ? " (audit: nothing is dropped)" : "");
    if (asked.empty()) return "no policy is in force; nothing is filtered";
    return fmt::format("{} {} not filtered", fmt::join(asked, ", "),
                       asked.size() == 1 ? "is" : "are");
}

int end_unchanged(const Fault &fault, const std::vector<std::string> &asked) {
    print_fault(fault);
    print_plain(fmt::format("  nothing changed; {}\n", in_force_text(asked)));
    return end(fault.exit);
}

int end(const Fault &fault) {
    print_fault(fault);
    return end(fault.exit);
}

Result<std::optional<Pins>> open_pins() {
    if (auto root = need_root(); !root) return tl::unexpected(root.error());
    return Pins::open(Places::from_environment());
}

// The policy in force as a file, so that it is read like any other and its set files anew.
Result<std::string> write_document(const Places &places) {
    auto pins = Pins::open(places);
    if (!pins) return tl::unexpected(pins.error());
    if (!*pins)
        return fault("no policy is in force, and none is named",
                     "name one: portmatrix apply POLICY -i INTERFACE", Exit::usage);
    auto control = Switch::open((*pins)->maps(), Switch::Access::read);
    if (!control) return tl::unexpected(control.error());
    auto in_force = read_in_force(*control);
    if (!in_force) return tl::unexpected(in_force.error());
    if (in_force->epoch == 0)
        return fault("no policy is in force, and none is named", "name one", Exit::usage);
    const std::filesystem::path path = places.run / "in-force.yaml";
    std::ofstream file(path, std::ios::trunc);
    file << in_force->catalog.document;
    file.close();
    if (!file) return cannot(fmt::format("write {}", path.string()), errno);
    return path.string();
}

Result<XdpMode> parse_xdp(const std::string &text) {
    if (text == "auto") return XdpMode::automatic;
    if (text == "native") return XdpMode::native;
    if (text == "generic") return XdpMode::generic;
    return fault(fmt::format("'{}' is no XDP mode", text), "write native, generic or auto",
                 Exit::usage);
}

Result<Applied> apply_source(const Places &places, const Source &source, const Apply &arguments) {
    auto xdp = parse_xdp(arguments.xdp);
    if (!xdp) return tl::unexpected(xdp.error());
    return apply(places, *source.policy, {arguments.interfaces, arguments.mode, *xdp});
}

// Removes links, filters, programs and counters; with the last interface everything else too.
Result<std::vector<std::string>> detach_interfaces(const Places &places, const Detach &arguments) {
    auto pins = Pins::open(places);
    if (!pins) return tl::unexpected(pins.error());
    std::vector<std::string> names;
    if (!*pins) {
        if (!arguments.all)
            return fault(fmt::format("nothing is attached to '{}'", arguments.interfaces[0]), {},
                         Exit::usage);
        Pins::remove_all(places);  // what an interrupted detach left
        return names;
    }
    auto all = (*pins)->interfaces();
    auto chosen = select_interfaces(**pins, arguments.interfaces);
    if (!all) return tl::unexpected(all.error());
    if (!chosen) return tl::unexpected(chosen.error());

    const bool last = chosen->size() == all->size();
    if (last) {  // every hook of every interface stops at once
        auto control = Switch::open((*pins)->maps(), Switch::Access::write);
        if (!control) return tl::unexpected(control.error());
        const Switch::State now = control->state();
        pm_record off = now.record;
        off.mode = PM_MODE_OFF;
        off.deadline = off.fallback = 0;
        if (auto stored = control->publish(off, now.epoch); !stored)
            return tl::unexpected(stored.error());
    }
    for (const Pins::Interface &one : *chosen) {
        detach(**pins, one);
        (*pins)->remove_interface(one.number);
        if (auto stored = (*pins)->set_interface(one.number, {}); !stored)
            return tl::unexpected(stored.error());
        names.push_back(one.name());
    }
    if (last) Pins::remove_all(places);
    return names;
}

}  // namespace

void say_in_force() {
    print_plain(fmt::format("  nothing changed; {}\n", in_force_text({})));
}

int run(const Apply &arguments) {
    const std::vector<std::string> &asked = arguments.interfaces;
    const Places places = Places::from_environment();
    if (auto root = need_root(); !root) return end_unchanged(root.error(), asked);
    auto lock = Lock::writer(places);
    if (!lock) return end_unchanged(lock.error(), asked);
    std::string path = arguments.policy;
    if (path.empty()) {
        auto written = write_document(places);
        if (!written) return end_unchanged(written.error(), asked);
        path = *written;
    }

    auto source = read_source(path, true);
    if (!source) return end_unchanged(source.error(), asked);
    if (source->diagnostics.has_errors()) {
        print_plain(render(source->diagnostics, colour_on(STDERR_FILENO)));
        const auto errors = static_cast<std::uint64_t>(source->diagnostics.errors());
        print_note(fmt::format("{}; policy not applied; {}", show::plural(errors, "error"),
                               in_force_text(asked)));
        return end(Exit::invalid);
    }
    auto applied = apply_source(places, *source, arguments);
    if (!applied) return end_unchanged(applied.error(), asked);
    for (const std::string &note : applied->notes) print_note(note);
    print_note(fmt::format("generation {} ({}) is in force on {}{}", applied->generation,
                           source->policy->name, fmt::join(applied->interfaces, ", "),
                           applied->mode == PM_MODE_AUDIT ? " (audit: nothing is dropped)" : ""));
    return end(Exit::done);
}

int run(const Status &arguments) {
    auto pins = open_pins();
    if (!pins) return end(pins.error());
    if (!*pins) {
        if (!arguments.interfaces.empty())
            return end(Fault{fmt::format("nothing is attached to '{}'", arguments.interfaces[0]),
                             {},
                             Exit::usage});
        print_note("no policy is in force; nothing is filtered");
        return end(Exit::done);
    }
    auto snapshot = read_snapshot(**pins, arguments.interfaces);
    if (!snapshot) return end(snapshot.error());
    fmt::print("{}", arguments.json ? show::status_json(*snapshot)
                                    : show::status_text(*snapshot, colour_on(STDOUT_FILENO)));
    return end(Exit::done);
}

int run(const Flows &arguments) {
    std::optional<Address> peer;
    if (!arguments.peer.empty()) {
        auto parsed = parse_address(arguments.peer);
        if (!parsed) return end(Fault{parsed.error(), {}, Exit::usage});
        peer = *parsed;
    }
    auto pins = open_pins();
    if (!pins) return end(pins.error());
    if (!*pins) return end(Exit::done);
    auto flows = read_flows(**pins, arguments.interfaces);
    if (!flows) return end(flows.error());

    std::erase_if(*flows, [&](const Flow &one) {
        return (!arguments.row.empty() && one.row != arguments.row) ||
               (peer && Address::from(one.key.remote) != *peer);
    });
    auto measure = [&](const Flow &one) -> std::uint64_t {
        if (arguments.sort == "age") return one.age;
        const auto &counts = arguments.sort == "packets" ? one.value.packets : one.value.bytes;
        return counts[PM_IN] + counts[PM_OUT];
    };
    std::stable_sort(flows->begin(), flows->end(),
                     [&](const Flow &a, const Flow &b) { return measure(a) > measure(b); });
    if (arguments.limit != 0 && flows->size() > arguments.limit) flows->resize(arguments.limit);
    fmt::print("{}", arguments.json ? show::flows_json(*flows)
                                    : show::flows_text(*flows, colour_on(STDOUT_FILENO)));
    return end(Exit::done);
}

int run(const Detach &arguments) {
    const Places places = Places::from_environment();
    if (auto root = need_root(); !root) return end_unchanged(root.error(), {});
    auto lock = Lock::writer(places);
    if (!lock) return end_unchanged(lock.error(), {});
    if (arguments.all == !arguments.interfaces.empty())
        return end_unchanged(Fault{"name the interfaces with -i, or say --all", {}, Exit::usage},
                             {});
    auto names = detach_interfaces(places, arguments);
    if (!names) return end_unchanged(names.error(), {});
    for (const std::string &name : *names) print_note(fmt::format("{} is now unfiltered", name));
    if (names->empty()) print_note("nothing was attached");
    return end(Exit::done);
}

}  // namespace pm::command
