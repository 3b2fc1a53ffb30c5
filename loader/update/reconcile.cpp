// SPDX-License-Identifier: Apache-2.0
#include "loader/update/reconcile.h"

#include <algorithm>

namespace pm {

Done reconcile(Store &store, const InForce &now) {
    if (now.state.epoch == 0 || now.state.pending) return {};
    auto confirmed = store.confirmed();
    if (!confirmed) return {};  // unreadable: the next confirmed generation replaces it
    const auto known = store.confirmed_numbers();
    if (!known) return tl::unexpected(known.error());
    const std::uint64_t number = now.catalog.generation;
    if (!*confirmed || (*confirmed)->generation == number ||
        std::ranges::find(*known, number) == known->end())
        return {};
    // If the switch did not happen, `previous` is in force, and `earlier` was before it.
    const bool never_switched = (*confirmed)->previous == number;
    return store.confirm({number, never_switched ? (*confirmed)->earlier : (*confirmed)->previous});
}

}  // namespace pm
