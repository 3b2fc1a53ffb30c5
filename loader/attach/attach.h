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
//   A hook is attached if the device has our program there: proof.h says how the kernel is asked.
//   A link alone is no proof. The entry of the interface in the map `interfaces` is only a note of
//   the last answer. It is written before the first link is made, so that a link which an
//   interrupted run leaves is found, and again when both hooks are proved.
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
// attached already stays as it is. The name that the interface is known by is in its entry. A hook
// that is not proved afterwards is a fault, and what was attached to it is taken off.
Result<Attached> attach(const Pins &pins, unsigned number, const Device &device, XdpMode mode);

// The index of the device that an interface of ours is on, whatever its name is by now: the one
// that has its programs, or if others removed them, the one that had them. 0: there is none.
std::uint32_t linked_device(const Pins &pins, const Pins::Interface &interface);

// That device; if it is gone, the one that has the name. A fault: there is none, or the interface
// is absent. Which device an absent one is once it comes, recognise.h tells: not the name alone.
Result<Device> device_of(const Pins &pins, const Pins::Interface &interface);

// What is attached at this moment, by proof. What cannot be seen is not attached, and `note` says
// why.
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
