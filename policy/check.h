// SPDX-License-Identifier: Apache-2.0
// What is probably not meant: unused names, rows that can never be credited, overlaps that
// split credit, over-wide rows. Warnings only; each has a witness packet.
#pragma once

#include "policy/diagnostic.h"
#include "policy/model.h"

namespace pm {

void check(const Policy &policy, Diagnostics &diagnostics);

}  // namespace pm
