// SPDX-License-Identifier: Apache-2.0
// Finds the addresses that sets stand for.
#pragma once

#include <string>
#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/language/document.h"
#include "policy/model/model.h"

namespace pm {

// Fills in the addresses of roles and peer sets, and reads the files of addresses. Each fault is
// reported once, at the set that has it. Returns the names of sets that others consist of; a
// name may occur more than once.
std::vector<std::string> resolve_sets(Document &document, Diagnostics &diagnostics);

// Is it just another name for the set of its only item?
bool is_alias(const AddressSetDef &set);

}  // namespace pm
