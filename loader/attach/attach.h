// SPDX-License-Identifier: Apache-2.0
// The hooks of an interface: how its two programs come on it, are asked for and go.
//
// Hooks
//   in    an XDP link, native (in the driver) or generic (slower, for every driver). It is pinned
//         as PINS/interface-NUMBER/ingress.
//   out   a TCX link, pinned as PINS/interface-NUMBER/egress. Kernels before 6.6 have no TCX: there
//         it is a filter of the clsact qdisc. A filter is not pinned. It stays by itself, under a
//         priority and a handle that are always the same, so that it can be found and replaced.
//         The qdisc is never removed: others may use it too.
//
// Attached
//   A hook is attached if the kernel says so: attached_now() asks the pinned link which interface
//   it is on (none, if the device is gone or somebody detached the link), and asks the clsact
//   filter whether its program is ours. The entry of the interface in the map `interfaces` is only
//   a note of the last answer. It is written before the first link is made, so that a link which
//   an interrupted run leaves is found, and again when both hooks are attached.
//
//   Attached does not mean filtered: which interfaces are filtered is part of the record in force,
//   see holds_on() in switch.h.
//
// Order
//   attach()    entry, ingress, egress, entry
//   detach()    egress, ingress, entry, pins: a reader looks for the pins that an entry names
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "loader/base/fault.h"
#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"

namespace pm {

enum class XdpMode { automatic, native, generic };
const char *xdp_name(XdpMode mode);         // "auto", "native", "generic": as --xdp has it
XdpMode xdp_mode(const std::string &name);  // the mode of such a name; automatic for any other

// Refuses an interface whose packets have no Ethernet header, such as a tunnel's: the programs
// would judge them as what they are not. attach() calls it itself.
Done check_ethernet(const Device &device);

// Refuses an interface that an XDP program of others is on. A program of portmatrix is no reason
// yet: it may be behind a link that is taken over (takeover.h). attach() refuses it where it is
// not.
Done check_free(const Device &device);

// Our clsact filter on a device: which program it has, 0: there is none; and how it goes.
std::uint32_t filter_program(std::uint32_t ifindex);
void remove_filter(std::uint32_t ifindex);

struct Attached {
    pm_attachment ingress = PM_DETACHED;
    pm_attachment egress = PM_DETACHED;
    std::string note;  // what the user should know, such as a fallback to generic XDP
};

// Attaches the pinned programs of this number to the device, and pins the links. A hook that is
// attached already stays as it is, and so does the name that the interface is known by.
Result<Attached> attach(const Pins &pins, unsigned number, const Device &device, XdpMode mode);

// The device that an interface of ours is now: the one that its link is on, whatever its name is by
// now; without a link the one that has its name. A fault: there is none.
Result<Device> device_of(const Pins &pins, const Pins::Interface &interface);

// What is attached at this moment. The links are asked, not the entry.
Attached attached_now(const Pins &pins, const Pins::Interface &interface);

// Puts other programs on the hooks that are attached; no packet goes by in between. A hook that is
// not attached stays so.
Done replace(const Pins &pins, const Pins::Interface &interface, int ingress, int egress);

// Takes the programs off, then removes the interface's entry, then its pins. A fault: entry and
// pins are still there.
Done detach(const Pins &pins, const Pins::Interface &interface);

// Takes the programs off that are pinned in an interface's folder, where no map can be read: only
// the links say which interface it is. Returns its index; 0: it is gone.
std::uint32_t detach_folder(const std::filesystem::path &folder);

}  // namespace pm
