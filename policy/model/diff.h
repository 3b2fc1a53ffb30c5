// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "policy/model/model.h"

namespace pm {

struct Change {
    enum class What { added, removed, changed } what = What::changed;
    std::string kind;    // "row", "set", "ports", "setting"
    std::string name;    // a row's id, a set's name, a setting's key
    std::string before;  // empty where it was added
    std::string after;   // empty where it was removed
    // Of a changed set: prefixes that it has gained and lost.
    std::size_t gained = 0, lost = 0;
};

// Removed rows first, then rows in the order of `after`; then sets, ports, settings. Rows with the
// same id are compared. Sets are equal if they hold the same addresses, however that is written.
std::vector<Change> diff(const Policy &before, const Policy &after);

// The changes in one line, without their texts: "1 row added (turn), set 'partners': 3 more, 1
// less". Of names of a kind three are shown.
std::string summary(const std::vector<Change> &changes);

// A sentence for each set whose files have less than half of the entries that those of the set of
// the same name had before: a file may have been cut off.
std::vector<std::string> shrunk_sets(const Policy &before, const Policy &after);

// By a row's id: 16 hex digits of all that makes it what it is: its fields, and the addresses of
// its two sides. They are others once what the row opens has changed, or what people read of it.
std::map<std::string, std::string> row_digests(const Policy &policy);

}  // namespace pm
