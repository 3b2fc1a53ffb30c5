// SPDX-License-Identifier: Apache-2.0
// What is valid but probably not meant: rows that can never be credited, overlaps that split
// credit, over-wide rows, rows that any process may use by chance, no failsafe row, roles whose
// addresses are not known. Warnings only, with a witness packet; ten of a kind at most, then a
// line that sums up the rest.
#pragma once

#include "policy/base/diagnostic.h"
#include "policy/model/model.h"

namespace pm {

void check(const Policy &policy, Diagnostics &diagnostics);

}  // namespace pm
