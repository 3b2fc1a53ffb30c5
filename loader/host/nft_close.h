// SPDX-License-Identifier: Apache-2.0
// Closes devices with nftables, where the programs cannot do it: there is no free number, or
// another XDP program is on the device. Everything is dropped there, in, out and forwarded, but
// what is no IP at all, such as ARP. The devices are named by their index, so that a rename opens
// none.
#pragma once

#include <vector>

#include "loader/base/fault.h"
#include "loader/host/device.h"

namespace pm {

// From now on these devices are closed in this way, and no others. None: the table
// `inet portmatrix-closed` goes.
Done close_by_nftables(const std::vector<Device> &devices);

// Is that table there? Not, where the kernel does not say.
bool is_closed_by_nftables();

}  // namespace pm
