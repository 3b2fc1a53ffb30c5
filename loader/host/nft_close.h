// SPDX-License-Identifier: Apache-2.0
// Closes devices with nftables, where the programs cannot do it: there is no free number, or
// another XDP program is on the device. Everything is dropped there, in, out and forwarded, but
// what is no IP at all, such as ARP. The devices are named by their index, so that a rename opens
// none.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/base/retry.h"
#include "loader/host/device.h"
#include "loader/host/nft_hold.h"

namespace pm {

// From now on these devices are closed in this way, and no others. None: the table
// `inet portmatrix-closed` goes. `watch`, which holds a copy (ClosingCopy), puts that right itself.
Done set_closed_devices(const std::vector<Device> &devices);

// The same for commands: a copy of what was closed before has gone on return.
Done close_by_nftables(const Paths &paths, const std::vector<Device> &devices);

// Closes the devices a second time, where no flush by others opens them (nft_hold.h).
class ClosingCopy {
public:
    explicit ClosingCopy(const Paths &paths);
    // From now on there is a copy for these devices; none: there is no copy. Called with each look;
    // what fails is tried again after a pause. Returns what is wrong; empty: nothing.
    const std::string &keep(const std::vector<Device> &devices);

private:
    Done hold(const std::vector<Device> &devices);

    std::filesystem::path file_;
    HeldTable table_;
    std::string held_;  // the numbers of the devices of the copy
    Retry made_;
    std::string problem_;
};

// Is that table there? Not, where the kernel does not say.
bool is_closed_by_nftables();

}  // namespace pm
