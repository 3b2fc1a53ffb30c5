// SPDX-License-Identifier: Apache-2.0
// Closes devices with nftables, where the programs cannot do it: there is no free number, or
// another XDP program is on the device. Everything is dropped there, in, out and forwarded, but
// what is no IP at all, such as ARP. The devices are named by their index, so that a rename opens
// none.
#pragma once

#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/host/device.h"
#include "loader/host/nft_hold.h"

namespace pm {

// From now on these devices are closed in this way, and no others. None: the table
// `inet portmatrix-closed` goes. A copy of it (nft_hold.h) goes in any case.
Done close_by_nftables(const Paths &paths, const std::vector<Device> &devices);

// Closes them a second time, where no flush by others opens them.
class ClosingCopy {
public:
    explicit ClosingCopy(const Paths &paths);
    Done hold(const std::vector<Device> &devices);
    bool is_held() { return table_.is_held(); }

private:
    HeldTable table_;
};

// Is that table there? Not, where the kernel does not say.
bool is_closed_by_nftables();

}  // namespace pm
