// SPDX-License-Identifier: Apache-2.0
// Warns of what is valid but probably not meant:
//   rows to which no packet can be credited, since earlier rows or `block` win all of them
//   rows that get only what earlier rows leave
//   over-wide rows, which open most ports to most of the Internet
//   rows that any process of this host may use by chance
//   no failsafe row that is in force
//   roles whose addresses are not known.
// Each warning has a packet as witness. Of a kind ten are shown at most, then a line that sums up
// the rest. How rows compete comes from the decided matrix (credit.h), without what no packet can
// meet (reach.h).
#pragma once

#include "policy/base/diagnostic.h"
#include "policy/model/model.h"

namespace pm {

void lint(const Policy &policy, Diagnostics &diagnostics);

}  // namespace pm
