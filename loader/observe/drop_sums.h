// SPDX-License-Identifier: Apache-2.0
// Sums of dropped packets: by reason, by row and by peer. The first two are exact. Anybody can send
// from ever other addresses, so peers are summed in bounded memory: see space_saving.h.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "loader/observe/drop.h"
#include "loader/observe/space_saving.h"

namespace pm {

class DropSums {
public:
    static constexpr std::size_t peers_most = 1024;

    struct Count {
        std::uint64_t packets = 0, bytes = 0;
    };
    struct Reason {
        std::string label;
        pm_direction direction;
        bool audit;
        auto operator<=>(const Reason &) const = default;
    };
    struct NoNote {};
    using Peers = SpaceSaving<Address, NoNote>;

    void add(const Drop &drop);

    const std::map<Reason, Count> &reasons() const { return reasons_; }
    const std::map<std::string, Count> &rows() const { return rows_; }
    const Peers &peers() const { return peers_; }
    std::uint64_t without_row() const { return without_row_; }    // packets
    std::uint64_t without_peer() const { return without_peer_; }  // no address was read

private:
    std::map<Reason, Count> reasons_;
    std::map<std::string, Count> rows_;
    Peers peers_{peers_most};
    std::uint64_t without_row_ = 0, without_peer_ = 0;
};

}  // namespace pm
