// SPDX-License-Identifier: Apache-2.0
// Asks the probe programs in the kernel what they would do with a flow's first packet.
#pragma once

#include <cstdint>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/map.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"
#include "maps/image.h"
#include "maps/lookup.h"
#include "policy/judge/question.h"

namespace pm {

// The first packet of the flow as a frame, with Ethernet and IP. It holds
//   tcp            a SYN
//   udp            an empty datagram
//   icmp, icmpv6   an echo request; its identifier is the opener's port
//   igmp           what is sent to that group, as RFC 2236 and 3376 say
//   another        eight zero bytes
std::vector<std::uint8_t> first_packet(const Question &question);

// Runs a probe program (pm_ask_in or pm_ask_out) once on the frame, against the slots that
// `asked` names; the caller holds Lock::probe. The verdict is one of judge_first().
Result<std::uint32_t> run_probe(const Maps &maps, int program, const pm_probe &asked,
                                const std::vector<std::uint8_t> &frame);

// What the programs are to judge by, and the same in the memory of this process.
struct ProbedSlots {
    std::uint32_t image = 0;  // slot
    std::uint32_t bans = 0;   // 1 + slot; 0: none
    pm_view image_view = {};
    pm_view bans_view = {};
};

// A fault if the programs in the kernel judge one of the packets, as the first of a flow, otherwise
// than the same look-ups do here. Nothing is sent, and no counter, flow or limit moves. The caller
// holds Lock::probe.
Done compare_with_probes(const Pins &pins, const ProbedSlots &slots,
                         const std::vector<Question> &packets);

}  // namespace pm
