// SPDX-License-Identifier: Apache-2.0
// Which device of the host each NIC of a policy is now. A pure function of what was recorded and of
// what is present, so that it can be tested with every disorder of a boot.
//
// A NIC was recorded when the policy was put in force or confirmed, and so were the other
// interfaces of the host. Since then a device may have been renamed, taken out, replaced, or may
// not be there yet. Names and hardware addresses can contradict each other. Then nobody knows which
// network is behind a device, and it is *closed*: only essentials and failsafe rows pass, until an
// apply says what is what.
//
// Matches
//   by name      the recorded name is the device's name or an alternative name of it, or the
//                device's name is a recorded alternative name.
//   by address   same hardware address, same kind, same bus: a virtual function and its synthetic
//                NIC, or a VLAN and its parent, may share an address. If there are several, the one
//                that is a port as the recorded one was; if there are still several, there is no
//                match.
//
// A NIC of the policy
//   name         address       it is
//   X            X             X
//   X            nobody's      X, a replaced card: accepted, and told. A bond, bridge or VLAN has
//                              the address of a port or parent: of these it is not told. If X has
//                              the address of another recorded interface, it is that one, and the
//                              NIC is absent.
//   nobody's     Y             Y, renamed: told. The policy goes on calling it by its old name.
//   X            Y             Y. If X has the address of another NIC of the policy, both are
//                              closed. If X is recorded among the others by its address, it is left
//                              alone. Else nobody knows X, and it is closed. The same goes for a
//                              device that is not X and has the programs of this NIC.
//   nobody's     nobody's      absent.
//   While the host runs, our programs are on the device that the NIC was until now. That says more
//   than the name alone: with nobody's address, it is the device with its programs, whatever this
//   is called.
//   A device whose name is that of one NIC of the policy and whose address is that of another is
//   closed.
//
// Other devices, while a NIC of the policy is absent
//   An Ethernet device that has a parent on a bus, and was not recorded by address or by name, may
//   be the absent NIC: it is closed. So is one that shares its address with the absent NIC, if
//   there are several of them. Virtual devices, and those that were recorded, are left alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/nic.h"
#include "loader/host/nics.h"

namespace pm {

// What a NIC of the policy is now. `device` is its place in the list of those present; none: it is
// absent.
struct Identity {
    std::optional<std::size_t> device;
    bool renamed = false;   // found by its address alone, or by its programs alone
    bool replaced = false;  // found by its name alone: another hardware address, kind or bus
    std::string closed;     // why it is closed; empty: it is not
};

// A device that is no NIC of the policy, and closed.
struct Stranger {
    std::size_t device = 0;
    std::string why;
};

struct Recognised {
    std::vector<Identity> nics;  // of each recorded NIC, in their order
    std::vector<Stranger> strangers;
};

// `nics` and `others` as a generation has them. A NIC without an address is known by name alone. If
// no NIC has one (an earlier release stored the generation), no device is unknown. `linked`: for
// each NIC the index of the device that has its programs, 0: none; or empty, at boot.
Recognised recognise(const std::vector<Nic> &nics, const std::vector<Nic> &others,
                     const std::vector<HostNic> &present,
                     const std::vector<std::uint32_t> &linked = {});

// Same address, kind and bus.
bool is_same_card(const Nic &a, const Nic &b);

}  // namespace pm
