// SPDX-License-Identifier: Apache-2.0
// Links between an interface and its programs. XDP and TCX links are pinned; a clsact filter,
// which kernels before 6.6 have instead of TCX, stays by itself under a priority and a handle
// that are always the same, so that it can be found and replaced.
#pragma once

#include <filesystem>

#include <string>

#include "loader/host/device.h"
#include "loader/kernel/pins.h"

namespace pm {

enum class XdpMode { automatic, native, generic };
const char *xdp_name(XdpMode mode);         // as --xdp has it
XdpMode xdp_mode(const std::string &name);  // of one of these names; else automatic

// Refuses an interface whose packets have no Ethernet header, such as a tunnel's: they would be
// judged as what they are not. attach() asks it itself.
Done check_ethernet(const Interface &interface);

// Refuses an interface that another XDP program is on.
Done check_free(const Interface &interface);

// Attach the pinned programs of number `number` and pin the links. What is attached already
// stays, also the name that it is known by. `note` says what the user should know, such as a
// fallback to generic XDP.
struct Attached {
    pm_attachment ingress = PM_DETACHED;
    pm_attachment egress = PM_DETACHED;
    std::string note;
};
Result<Attached> attach(const Pins &pins, unsigned number, const Interface &interface,
                        XdpMode mode);

// The device that an interface of ours is now: the one that its link is on, whatever its name; else
// the one of its name. A fault: there is none.
Result<Interface> device_of(const Pins &pins, const Pins::Interface &interface);

// What is attached at this moment: the links are asked, not our notes.
Attached attached_now(const Pins &pins, const Pins::Interface &interface);

// Puts other programs behind what is attached; no packet goes by in between. What is not attached
// stays so.
Done replace(const Pins &pins, const Pins::Interface &interface, int ingress, int egress);

// Removes the links or the filter, then the interface's entry, then its pins: whoever reads looks
// for what an entry names. A fault: entry and pins stay. The clsact qdisc stays: it may be others'
// too.
Done detach(const Pins &pins, const Pins::Interface &interface);

// Removes the links or the filter of an interface's folder of pins, with nothing but its links to
// say which interface it is. Returns its index; 0: it is gone.
std::uint32_t detach_folder(const std::filesystem::path &folder);

}  // namespace pm
