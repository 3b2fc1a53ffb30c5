// SPDX-License-Identifier: Apache-2.0
// Since when each row of a policy is as it is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loader/state/store.h"
#include "loader/state/timeline.h"

namespace pm {

struct RowChange {
    HistoryEntry entry;            // the change that has made it so
    std::uint64_t generation = 0;  // that was in force from then on
    bool or_before = false;        // what was in force before that is not known
};

// row_digests() of a generation; none: it is not kept.
using RowDigests = std::map<std::string, std::string>;
using RowDigestsOf = std::function<std::optional<RowDigests>(std::uint64_t generation)>;

// Of the rows that were in force in the last of the steps, by their ids.
std::map<std::string, RowChange> row_changes(const std::vector<Step> &steps,
                                             const RowDigestsOf &digests_of);

// As they are stored; of a generation of an earlier release, from its policy.
std::optional<RowDigests> stored_row_digests(const Store &store, std::uint64_t number);

}  // namespace pm
