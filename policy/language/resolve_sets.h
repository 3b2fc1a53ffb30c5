// SPDX-License-Identifier: Apache-2.0
// From sets as written to their addresses.
#pragma once

#include "policy/language/document.h"

namespace pm {

// Fills in what roles and peer sets stand for, reads the files of addresses. Each fault is
// reported once, at the set that has it. `used` gets the names of sets that others consist of.
void resolve_sets(Document &document, std::vector<std::string> &used, Diagnostics &diagnostics);

// Is it just another name for the set of its only item?
bool is_alias(const AddressSetDef &set);

}  // namespace pm
