// SPDX-License-Identifier: Apache-2.0
// A policy without what no packet can meet: rows are never asked about packets that the address
// checks drop.
#pragma once

#include "policy/model/model.h"

namespace pm {

// The rows are the same and in the same order. Their sets lose the martians and, as sources of
// flows that come in, multicast and this host's own addresses.
Policy reachable(const Policy &policy);

// The row, with the names that its sets have in the reachable policy.
Row reachable_row(const Policy &reachable, Row row);

}  // namespace pm
