// SPDX-License-Identifier: Apache-2.0
// Which rows have which ports. All (protocol, destination port, source port) that the same rows
// have are one pair, so that the matrix needs one entry for them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "policy/model/model.h"

namespace pm {

inline constexpr std::size_t max_pairs = 65535;

using RowNumbers = std::vector<std::uint16_t>;  // of Policy::rows, ascending

// Hash of a vector of plain numbers without padding.
struct BytesHash {
    template <typename T>
    std::size_t operator()(const std::vector<T> &values) const {
        return std::hash<std::string_view>{}(
            {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T)});
    }
};

struct Pairs {
    std::array<std::vector<std::uint16_t>, 2> port_classes;  // tcp, udp: by destination port
    std::vector<std::uint32_t> first;            // by port class, and one more: its runs
    std::vector<std::uint16_t> bounds;           // first source port of a run
    std::vector<std::uint16_t> pairs;            // of a run
    std::array<std::uint16_t, 256> protocols{};  // by protocol; of tcp and udp: whatever ports
    std::vector<RowNumbers> rows;                // by pair; pair 0 has none
    std::vector<std::uint8_t> families;          // by pair: enum Families of its protocols

    std::size_t count() const { return rows.size(); }
};

// Rows that are switched off have no pair. The error names the limit.
tl::expected<Pairs, std::string> find_pairs(const Policy &policy);

}  // namespace pm
