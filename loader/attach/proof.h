// SPDX-License-Identifier: Apache-2.0
// Are our programs at the hooks where they should be? The kernel is asked about the device, by
// another way than the call that attached them: neither a link, nor a pin, nor what was noted is
// believed.
//
//   in    the device's own answer which XDP programs it runs, and how (RTM_GETLINK, IFLA_XDP)
//   out   the list of programs at the device's TCX hook; or the filters whose parent is the way out
//         of clsact, if the qdisc there is clsact
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"

namespace pm {

struct HookProof {
    enum class Found {
        ours,
        none,
        other,   // a program of others alone; only of the way in, where there is room for one
        unseen,  // the kernel gave no answer: to be taken for "not attached", never for "fine"
    };
    Found found = Found::none;
    pm_attachment kind = PM_DETACHED;  // how ours is attached
    std::string about;                 // other: its name and id; unseen: why

    bool is_ours() const { return found == Found::ours; }
};

struct Proof {
    HookProof ingress, egress;
};

// The ids that are ours at a hook; while programs are exchanged there are two.
using ProgramIds = std::vector<std::uint32_t>;

HookProof prove_ingress(std::uint32_t ifindex, const ProgramIds &ours);
HookProof prove_egress(std::uint32_t ifindex, const ProgramIds &ours);

// Of the programs that are pinned for the interface with this number, on the device.
Proof prove(const Pins &pins, unsigned number, std::uint32_t ifindex);

// The proof as a fault; nothing, if ours is there. `hook`: "in", "out".
Done check_proof(const HookProof &proof, const std::string &device, const char *hook);

}  // namespace pm
