// SPDX-License-Identifier: Apache-2.0
// Warns of what is valid but probably not meant:
//   rows that have expired, or do within 14 days
//   rows that can never match, since earlier rows or `block` win all of them
//   rows whose limit or check an earlier row keeps from some of their packets
//   over-wide rows, which open most ports to most of the Internet
//   no failsafe row that is in force.
// Notes what may well be meant, and is good to know:
//   rows that overlap an earlier row
//   rows that any process of this host may use by chance: whether it may here, doctor says
//   roles whose addresses are not known.
// What the author accepts (policy/model/accepted.h) is left out. Each has a packet as witness. Of a
// kind ten are shown at most, then a line that sums up the rest. How rows compete comes from the
// decided matrix (credit.h), without what no packet can meet (reach.h).
#pragma once

#include "policy/base/diagnostic.h"
#include "policy/model/model.h"

namespace pm {

void lint(const Policy &policy, Diagnostics &diagnostics);

}  // namespace pm
