// SPDX-License-Identifier: Apache-2.0
// Programs on a device that no pin in our folder has: a stranger's, or portmatrix's own. Own ones
// are of another pin folder, or of pins that were removed or that another mount hides. Which of
// these, the kernel does not say: where a link is pinned cannot be asked. So they are never taken
// over, and never taken off but by `detach -i NAME --force`.
//
// The kernel tells about links and programs by their ids only to CAP_SYS_ADMIN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/host/attached_programs.h"
#include "loader/host/device.h"

namespace pm {

// May it be one of portmatrix's own, of whatever pins? True where that cannot be asked.
bool may_be_own(const XdpProgram &program);

// Why nothing can be attached where this XDP program is, and how it is removed: a program that a
// link holds cannot be taken off with `ip link`.
Fault occupied(const Device &device, const XdpProgram &program);

// Names of devices that an XDP program of ours is on: one that is pinned in our folder, whatever
// version pinned it there; and others, which only CAP_SYS_ADMIN can tell.
std::vector<std::string> devices_with_own_program(const Paths &paths);

// Takes portmatrix's own programs off a device, at both hooks, whoever pins them. Returns how many.
// A fault: the kernel does not tell which there are, or one cannot be taken off.
Result<std::size_t> take_off_own(const Device &device);

}  // namespace pm
