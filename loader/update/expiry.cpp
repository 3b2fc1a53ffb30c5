// SPDX-License-Identifier: Apache-2.0
#include "loader/update/expiry.h"

#include <fmt/core.h>

#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/state/history.h"
#include "policy/image/catalog.h"

namespace pm {
namespace {

// "; eth1 is now unfiltered", for each interface that the ended policy filtered and its fallback
// does not.
std::string unfiltered_text(const Pins &pins, const pm_record &ended, const pm_record &fallback) {
    std::string text;
    const auto interfaces = pins.interfaces();
    if (!interfaces) return text;
    for (const Pins::Interface &one : *interfaces)
        if (holds_on(ended, one.number) && !holds_on(fallback, one.number))
            text += fmt::format("; {} is now unfiltered", one.name());
    return text;
}

}  // namespace

Result<std::optional<std::string>> settle_expiry(const Paths &paths, const Pins &pins,
                                                 Switch &control) {
    const Switch::State state = control.state();
    if (!state.expired) return std::nullopt;
    auto catalog = read_catalog(control.image(state.other.image));
    const Catalog ended = catalog ? std::move(*catalog) : Catalog{};
    HistoryEntry entry;
    entry.user = "-";
    entry.action = "expire";
    entry.generation = ended.generation;
    entry.sha256 = ended.sha256;
    entry.outcome = "done";
    entry.message = fmt::format("generation {} was not confirmed in time and is rolled back{}",
                                ended.generation, unfiltered_text(pins, state.other, state.record));
    if (auto settled = control.settle_expired(); !settled) return tl::unexpected(settled.error());
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
