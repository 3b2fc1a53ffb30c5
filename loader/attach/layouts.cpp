// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/layouts.h"

#include <utility>

#include "maps/abi.h"

namespace pm {
namespace {

Convert both(const Convert &first, const Convert &second) {
    if (!first || !second) return first ? first : second;
    return [first, second](const Bytes &bytes) { return second(first(bytes)); };
}

// `before` and then `change` of the same map.
MapChange combined(const MapChange &before, const MapChange &change) {
    using Kind = MapChange::Kind;
    if (before.kind != Kind::copied || change.kind != Kind::copied)
        return {.kind = change.kind == Kind::copied ? before.kind : change.kind};
    return {.kind = Kind::copied,
            .key = both(before.key, change.key),
            .value = both(before.value, change.value)};
}

}  // namespace

const Layouts &known_layouts() {
    static const Layouts layouts = {
        .oldest = 3,
        .steps =
            {
                {.to = 4, .changes = {}},  // `abi` names the release
                // The limits of rows have a map of their own. What `limits` has of them is never
                // asked again, and goes in time.
                {.to = 5,
                 .changes = {{"row_limits", {.kind = MapChange::Kind::added}},
                             {"paces", {.kind = MapChange::Kind::added}},
                             {"neighbours", {.kind = MapChange::Kind::added}},
                             {"handshakes", {.kind = MapChange::Kind::added}},
                             // It has twice the entries. What is in it is over in seconds.
                             {"promotions", {.kind = MapChange::Kind::added}},
                             {"places", {.kind = MapChange::Kind::added}}}},
                // Images may have rows with a date, which older programs do not know. Those that
                // are in their slots have none, and a flow has a byte for it that was zero.
                {.to = 6, .changes = {}},
            },
    };
    return layouts;
}

MapChanges changes_since(std::uint32_t from, const std::vector<LayoutStep> &steps) {
    MapChanges changes;
    for (const LayoutStep &step : steps) {
        if (step.to <= from) continue;
        for (const auto &[name, change] : step.changes) {
            const auto before = changes.find(name);
            changes[name] = before == changes.end() ? change : combined(before->second, change);
        }
    }
    return changes;
}

}  // namespace pm
