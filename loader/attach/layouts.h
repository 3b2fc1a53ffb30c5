// SPDX-License-Identifier: Apache-2.0
// What has changed from one layout of the maps to the next (PM_ABI_VERSION). By this a newer
// release takes over what an older one has attached (layout_takeover.h).
//
// For a new layout, add a step to layouts.cpp that names every map which it changes, adds or
// removes. All others go on as they are: their flows, counters and records need no copy. A map that
// changes needs functions that turn an old key and an old value into new ones. `tests/layouts`
// keeps the programs of each layout that was released, and the tests take over from all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace pm {

using Bytes = std::vector<std::uint8_t>;
// From the bytes in the older layout to those in the newer; not given: they are the same.
using Convert = std::function<Bytes(const Bytes &)>;

struct MapChange {
    enum class Kind {
        copied,  // it is made anew and filled with what the old one has, converted
        added,   // it is made anew, and empty: also one that exists, if its content is of no use
        removed
    };
    Kind kind = Kind::copied;
    Convert key = {}, value = {};  // of a per-CPU map: the value of one CPU
};
// By the name of the map; `rows` stands for the counters of every interface.
using MapChanges = std::map<std::string, MapChange>;

struct LayoutStep {
    std::uint32_t to;  // the layout after it
    MapChanges changes;
};

// In rising order, from the oldest layout that can be taken over.
struct Layouts {
    std::uint32_t oldest;
    std::vector<LayoutStep> steps;
};
const Layouts &known_layouts();

// All steps after layout `from` in one. `abi` is in no step: it is made anew in each.
MapChanges changes_since(std::uint32_t from, const std::vector<LayoutStep> &steps);

}  // namespace pm
