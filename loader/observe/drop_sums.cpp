// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/drop_sums.h"

namespace pm {
namespace {

void count_in(DropSums::Count &count, const Drop &drop) {
    count.packets += drop.segments;
    count.bytes += drop.length;
}

}  // namespace

void DropSums::add(const Drop &drop) {
    count_in(reasons_[{drop.reason, drop.direction, drop.audit}], drop);
    if (drop.row.empty())
        without_row_ += drop.segments;
    else
        count_in(rows_[drop.row], drop);
    if (const auto &peer = peer_of(drop))
        peers_.add(*peer, drop.segments);
    else
        without_peer_ += drop.segments;
}

}  // namespace pm
