// SPDX-License-Identifier: Apache-2.0
// Copies a map into one of another layout.
#pragma once

#include <string>

#include "loader/attach/layouts.h"
#include "loader/base/fault.h"

namespace pm {

// all: every entry; an entry that is there is replaced.
// missing: the entries of a hash map or trie whose keys the new map has not. Of other maps nothing.
enum class Entries { all, missing };

// Programs may write to both maps meanwhile. An entry that comes while this goes on may be missed.
// The newer map may have fewer entries than the older: what has no room in a hash map or trie is
// left out, and of an array the entries beyond its end. Of a ring of events nothing is copied. Any
// other type of map is a fault, so that none is left empty by accident.
Done copy_map(int from, int to, const std::string &name, const MapChange &change, Entries entries);

}  // namespace pm
