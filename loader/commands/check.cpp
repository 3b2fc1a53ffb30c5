// SPDX-License-Identifier: Apache-2.0
// The command check: reads, checks and compiles a policy.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/host/device.h"
#include "loader/own/roles_on_host.h"
#include "loader/parachute/render.h"
#include "loader/show/parachute.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/state/policy_source.h"
#include "policy/check/lint.h"

namespace pm::command {
namespace {

// Why the device cannot be one that the policy is for; empty: it can.
std::string misfit(const Policy &policy, const std::string &name, const Device &device) {
    if (device.loopback) return fmt::format("'{}' is the loopback, which is never filtered", name);
    if (!policy.interfaces.empty() &&
        std::ranges::find(policy.interfaces, name, &InterfaceDef::name) == policy.interfaces.end())
        return fmt::format("the policy places no role on {}", name);
    return {};
}

// The devices that the policy is for. Where neither it nor the user names any: those that have an
// address of a role.
std::vector<PolicyInterface> devices_for(const Policy &policy, const HostAddresses &host,
                                         const std::vector<std::string> &asked,
                                         Diagnostics &found) {
    std::vector<PolicyInterface> devices;
    const auto add = [&](const std::string &name, const Location &where) {
        const auto device = find_device(name);
        const std::string why = device ? misfit(policy, name, *device) : device.error().message;
        if (!why.empty()) return found.warning(where, why, "", "see: ip -brief link");
        if (std::ranges::find(devices, device->index, &PolicyInterface::index) == devices.end())
            devices.push_back({name, device->index});
    };
    for (const InterfaceDef &one : policy.interfaces) add(one.name, one.where);
    for (const std::string &name : asked) add(name, {policy.file, 0, 0, 1});
    if (!policy.interfaces.empty() || !asked.empty()) return devices;
    for (const OwnAddress &one : host.own) {
        const bool is_listed = std::ranges::any_of(policy.roles, [&](const auto &role) {
            return role.second.addresses.contains(one.address);
        });
        const auto device = look_up_device(one.index);
        if (!is_listed || !device || !*device || (*device)->loopback) continue;
        if (std::ranges::find(devices, one.index, &PolicyInterface::index) == devices.end())
            devices.push_back({(*device)->name, one.index});
    }
    return devices;
}

// Adds a warning for whatever does not fit.
Done compare_with_host(const Policy &policy, const std::vector<std::string> &asked,
                       Diagnostics &found) {
    const auto host = read_host_addresses();
    if (!host) return tl::unexpected(host.error());
    const auto devices = devices_for(policy, *host, asked, found);
    const bool lists_any = std::ranges::any_of(
        policy.roles, [](const auto &role) { return !role.second.addresses.empty(); });
    if (devices.empty() && policy.interfaces.empty() && asked.empty() && lists_any)
        found.warning({policy.file, 0, 0, 1}, "no interface of this host has an address of a role",
                      "", "name the interface that it is for: portmatrix check --here -i eth0");
    for (const RoleFinding &one : compare_roles(policy, devices, *host))
        found.warning(one.where, one.text, "", one.remedy);
    return {};
}

// "0 errors, 1 warning, 2 notes"
std::string counts_text(const Diagnostics &found) {
    const auto count = [](int number, const char *noun) {
        return show::plural(static_cast<std::uint64_t>(number), noun);
    };
    std::string text = count(found.errors(), "error") + ", " + count(found.warnings(), "warning");
    if (found.notes()) text += ", " + count(found.notes(), "note");
    return text;
}

// What else is known of a policy without errors.
std::string compiled_text(const Source &source) {
    if (!source.image) return "";
    std::string hold;
    if (source.expectations && !source.diagnostics.has_errors())
        hold = fmt::format(", {} {}", show::plural(source.expectations, "expectation"),
                           source.expectations == 1 ? "holds" : "hold");
    return fmt::format("{}, {} bytes compiled", hold, source.image->bytes.size());
}

}  // namespace

int run_check(const CheckArguments &arguments) {
    auto source = read_source(arguments.policy, Expectations::ask);
    if (!source) return end(source.error());
    if (source->policy && !source->diagnostics.has_errors())
        lint(*source->policy, source->diagnostics);
    if (arguments.here && source->policy && !source->diagnostics.has_errors())
        if (auto compared =
                compare_with_host(*source->policy, arguments.interfaces, source->diagnostics);
            !compared)
            return end(compared.error());

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
        print_note(
            fmt::format("{}: {}{}", arguments.policy, counts_text(found), compiled_text(*source)));
    }
    return end(found.has_errors() ? Exit::invalid : Exit::done);
}

}  // namespace pm::command
