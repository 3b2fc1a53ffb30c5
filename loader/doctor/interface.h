// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loader/doctor/findings.h"
#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"

namespace pm {

// Are our programs still attached, and does another program come before them? `filtered`: the
// policy in force holds on this interface.
void examine_attachment(const Pins &pins, const Pins::Interface &interface, bool filtered,
                        Findings &findings);

// Do the programs judge as the policy in force says? A few test packets are asked about.
void examine_probe(const Paths &paths, const Pins &pins, const Pins::Interface &interface,
                   Findings &findings);

// The device: what it can do and what it does to packets.
void examine_device(const Device &device, pm_attachment ingress, Findings &findings);

}  // namespace pm
