// SPDX-License-Identifier: Apache-2.0
// Links of ours that others have left without the pin `abi`: it was removed, or `watch` was killed
// while it made pins again. Their programs go on judging by maps that may have no pins any more. So
// they are given the programs of new maps, but not before a policy is in force by these: no packet
// goes by unjudged.
//
// 1. left_links() pins them in PINS/left as well, before Pins::create() removes what is left.
// 2. The new maps, programs and pins are made, and the policy is put in force by them. Nothing is
//    attached yet where such a link is.
// 3. take_over() puts the new program behind each link, and pins it where it belongs.
// 4. forget_left() removes the pins in PINS/left.
// Whoever is killed in between, or fails, leaves PINS/left: the next who puts a policy in force, or
// `watch`, takes over what is there.
//
// The way back from a newer release is the same: with Paths::leaves_newer its maps count as left.
// Nothing of them is removed before step 2, when the new programs are loaded already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"
#include "policy/base/fd.h"

namespace pm {

struct LeftLink {
    std::string hook;  // "ingress", "egress"
    std::uint32_t ifindex = 0;
    Fd fd;
};

// Those whose device still is there.
Result<std::vector<LeftLink>> left_links(const Paths &paths);

bool has_left_link(const std::vector<LeftLink> &links, const Device &device);

// Those on the device. A fault: one of them still has its program, but is pinned.
Done take_over(const Pins &pins, unsigned number, const Device &device,
               const std::vector<LeftLink> &links);

// What `abi` says, if its layout is newer than that of this release; nothing: it is not.
Result<std::optional<pm_build>> newer_build(const Paths &paths);

// Ends what a process began that was killed, if a policy is in force by the pinned maps. What was
// done, a sentence for each interface.
Result<std::vector<std::string>> finish_taking_over(const Paths &paths);

// Links that nobody takes over go with their pins.
void forget_left(const Paths &paths);

}  // namespace pm
