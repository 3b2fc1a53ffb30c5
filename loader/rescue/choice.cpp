// SPDX-License-Identifier: Apache-2.0
#include "loader/rescue/choice.h"

#include <utility>

#include <fmt/core.h>

#include "loader/parachute/render.h"
#include "loader/update/stored_candidate.h"

namespace pm {

using parachute::Stored;

Stored closed_parachute() {
    return {.generation = 0,
            .policy = "essentials-only",
            .sha256 = "",
            .rendering = parachute::render_closed()};
}

Result<Stored> parachute_of(const Paths &paths, std::uint64_t generation) {
    if (generation == 0) return closed_parachute();
    if (auto stored = parachute::read_stored(paths);
        stored && *stored && (*stored)->generation == generation)
        return std::move(**stored);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    auto known = store->generation(generation);
    if (!known) return tl::unexpected(known.error());
    return stored_policy(*store, generation).map([&](const Policy &policy) -> Stored {
        return {.generation = generation,
                .policy = known->policy,
                .sha256 = known->sha256,
                .rendering = parachute::render(policy)};
    });
}

Choice choose_parachute(const Paths &paths, const Generation *confirmed) {
    std::string fallback = "which generation is confirmed cannot be read";
    if (confirmed) {
        auto made = parachute_of(paths, confirmed->number);
        if (made) return {std::move(*made), ""};
        fallback = fmt::format("that of generation {} cannot be made: {}", confirmed->number,
                               made.error().message);
    }
    auto older = parachute::read_stored(paths);
    return {older && *older ? std::move(**older) : closed_parachute(), fallback};
}

}  // namespace pm
