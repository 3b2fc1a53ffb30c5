// SPDX-License-Identifier: Apache-2.0
#include "loader/update/expiry.h"

#include <algorithm>
#include <vector>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/state/detached.h"
#include "loader/state/history.h"
#include "loader/state/store.h"
#include "policy/image/catalog.h"

namespace pm {
namespace {

// Names of the interfaces that the ended policy filters and its fallback does not.
Result<std::vector<std::string>> unfiltered(const Pins &pins, const pm_record &ended,
                                            const pm_record &fallback) {
    return pins.interfaces().map([&](const std::vector<Pins::Interface> &interfaces) {
        std::vector<std::string> names;
        for (const Pins::Interface &one : interfaces)
            if (holds_on(ended, one.number) && !holds_on(fallback, one.number))
                names.push_back(one.name());
        return names;
    });
}

// "; eth1 is now unfiltered"
std::string unfiltered_text(const Pins &pins, const pm_record &ended, const pm_record &fallback) {
    std::string text;
    for (const std::string &name :
         unfiltered(pins, ended, fallback).value_or(std::vector<std::string>()))
        text += fmt::format("; {} is now unfiltered", name);
    return text;
}

}  // namespace

Done list_unfiltered(const Paths &paths, const Pins &pins, const pm_record &ended,
                     const pm_record &fallback) {
    auto names = unfiltered(pins, ended, fallback);
    if (!names) return tl::unexpected(names.error());
    const auto store = Store::open(paths);
    const auto confirmed = store ? store->confirmed_generation() : std::nullopt;
    if (!confirmed) return {};  // what cannot be read may name any of them
    if (*confirmed)
        std::erase_if(*names, [&](const std::string &name) {
            return std::ranges::find((*confirmed)->interfaces, name) !=
                   (*confirmed)->interfaces.end();
        });
    if (names->empty()) return {};
    return read_detached(paths).and_then([&](Detached &&detached) {
        for (const std::string &name : *names)
            if (std::ranges::find(detached.names, name) == detached.names.end())
                detached.names.push_back(name);
        return write_detached(paths, detached);
    });
}

Result<std::optional<std::string>> settle_expiry(const Paths &paths, const Pins &pins,
                                                 Switch &control) {
    const Switch::State state = control.state();
    if (!state.expired) return std::nullopt;
    auto catalog = read_catalog(control.image(state.other.image));
    const Catalog ended = catalog ? std::move(*catalog) : Catalog{};
    HistoryEntry entry;
    // When the programs have left it, which may be long ago.
    entry.time = realtime_ns() - (boottime_ns() - state.other.deadline);
    entry.user = "-";
    entry.action = "expire";
    entry.generation = ended.generation;
    entry.sha256 = ended.sha256;
    entry.outcome = "done";
    entry.message = fmt::format("generation {} was not confirmed in time and is rolled back{}",
                                ended.generation, unfiltered_text(pins, state.other, state.record));
    auto settled = list_unfiltered(paths, pins, state.other, state.record).and_then([&] {
        return control.settle_expired();
    });
    if (!settled) return tl::unexpected(settled.error());
    record(paths, entry);
    return entry.message;
}

std::optional<std::string> last_expiry(const Paths &paths) {
    auto history = read_history(paths);
    if (!history) return std::nullopt;
    for (auto one = history->entries.rbegin(); one != history->entries.rend(); ++one) {
        if (one->outcome != "done") continue;
        // These leave the policy as it is.
        if (one->action == "attach") continue;
        if (one->action == "ban" || one->action == "unban") continue;
        return one->action == "expire" ? std::optional(one->message) : std::nullopt;
    }
    return std::nullopt;
}

}  // namespace pm
