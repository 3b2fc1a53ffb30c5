// SPDX-License-Identifier: Apache-2.0
// A policy as packets can meet it: what the address checks drop, no row is ever asked about.
#pragma once

#include "policy/model/model.h"

namespace pm {

// The rows are the same and in the same order; their sets are without martians and, of flows
// that come in, without multicast and this host's own addresses as sources.
Policy reachable(const Policy &policy);

// The row, with the names that its sets have there.
Row reachable_row(const Policy &reachable, Row row);

}  // namespace pm
