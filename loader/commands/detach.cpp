// SPDX-License-Identifier: Apache-2.0
// The command detach: takes enforcement off interfaces, which are unfiltered then.
#include "loader/update/detach.h"

#include <string>
#include <vector>

#include <fmt/core.h>

#include "loader/base/lock.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/host/nft_close.h"
#include "loader/rescue/raise.h"
#include "loader/state/detached.h"

namespace pm::command {
namespace {

Done check_usage(const DetachArguments &arguments) {
    if (arguments.all == !arguments.interfaces.empty())
        return fault("name the interfaces with -i, or say --all", {}, Exit::usage);
    return {};
}

// What nftables filters goes, too, once everything is detached.
ParachuteChange adjust_nftables(const Paths &paths) {
    if (!is_all_detached(paths)) return adjust_parachute(paths);
    const Done opened = close_by_nftables(paths, {});
    auto dropped = drop_parachute(paths);  // also where the other could not be taken away
    if (!opened) return tl::unexpected(opened.error());
    return dropped;
}

std::string unfiltered_text(const std::string &name) {
    return fmt::format("{} is now unfiltered", name);
}

constexpr const char *again = "the same command clears away the rest";

// The remedy of what nftables still filters, where the fault has none of its own. The same command
// by name would find nothing attached; and while another interface is, --all would open it: there
// the next look of `watch` is the remedy.
Fault still_filtered(const Paths &paths, const DetachArguments &arguments, Fault fault) {
    if (!fault.hint.empty()) return fault;
    if (arguments.all)
        fault.hint = again;
    else if (is_all_detached(paths))
        fault.hint = "portmatrix detach --all clears away the rest";
    return fault;
}

}  // namespace

int run_detach(const DetachArguments &arguments) {
    if (auto root = need_root(); !root) return end_unchanged("detach", root.error());
    if (auto usage = check_usage(arguments); !usage) return end_unchanged("detach", usage.error());
    const Paths paths = Paths::from_environment();
    auto lock = Lock::writer(paths);
    if (!lock) return end_unchanged("detach", lock.error());
    const std::vector<std::string> &names = arguments.interfaces;
    auto outcome = arguments.force ? arguments.all ? detach_all_by_force(paths)
                                                   : detach_interfaces_by_force(paths, names)
                   : arguments.all ? detach_all(paths)
                                   : detach_interfaces(paths, names);
    if (!outcome) return end_unchanged("detach", outcome.error());
    for (const std::string &name : outcome->names) record_done("detach", unfiltered_text(name));
    auto dropped = adjust_nftables(paths);
    for (const std::string &note : outcome->notes) print_note(note);
    for (const std::string &name : outcome->names) print_note(unfiltered_text(name));
    if (!outcome->cleared) return end(Fault{outcome->cleared.error().message, again});
    if (!dropped) return end(still_filtered(paths, arguments, dropped.error()));
    if (*dropped) print_note(**dropped);
    if (outcome->names.empty()) print_note("nothing was attached");
    return end(Exit::done);
}

}  // namespace pm::command
