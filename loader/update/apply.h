// SPDX-License-Identifier: Apache-2.0
// Puts a policy in force on all its interfaces, or changes nothing. The caller holds the writer's
// lock.
//
// 1. open: refused if another policy waits to be confirmed.
// 2. plan: the interfaces, the image, the generation. The kernel is not touched. Refused where no
//    address of an interface is in a role, unless the change is forced or waits to be confirmed.
// 3. prepare and test: all that the switch needs in the kernel; test packets; the lock-out guard,
//    or, where the change is forced or waits to be confirmed, what it would refuse is told.
// 4. Where all of it is in force already, and kept for the next boot, nothing more is done: no
//    generation is made. A change that waits to be confirmed is made in any case, so that what
//    comes after, `confirm`, has something to keep.
// 5. store: the generation. Unless it waits to be confirmed, boot puts it in force from now on.
// 6. switch: the one store that puts the policy in force (rollout.h).
//
// A fault in any step leaves the policy, the interfaces and what boot puts in force as they were.
//
// A shadow is judged beside the policy in force and drops nothing. It is prepared and tested in the
// same way, but it attaches nothing and is not stored.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach/attach.h"
#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/probe.h"
#include "loader/state/written.h"
#include "policy/model/model.h"

namespace pm {

struct ApplyRequest {
    std::vector<std::string> interfaces;          // besides those attached and the policy's
    std::optional<pm_mode> mode;                  // none: inherited; the first time, enforce
    bool shadow = false;                          // only judged beside the policy in force
    std::optional<XdpMode> xdp;                   // none: inherited; the first time, automatic
    std::optional<std::uint64_t> confirm_within;  // seconds; then it is rolled back. None: for good
    bool at_boot = false;   // an interface may not have its addresses yet: roles that fit none pass
    bool force = false;     // even if it cuts an SSH session of this host, or all of an interface
    bool rollback = false;  // it counts as one
    WrittenFiles files = {};  // the policy as it was written, to be kept
    // Called when all is prepared and tested, and the policy of before is still in force: the
    // moment to compare them.
    std::function<void(const ProbedSlots &prepared)> before_switch = {};
    // Called for each line that the user should read before the switch, which may cut his session.
    std::function<void(const std::string &line)> tell = {};
};

struct Applied {
    bool changed = true;           // false: it was in force already, as this generation
    std::uint64_t generation = 0;  // of a shadow: 0
    std::string sha256;
    pm_mode mode = PM_MODE_ENFORCE;
    std::vector<std::string> interfaces;
    std::vector<std::string> notes;  // what the user should know, a sentence each
};

Result<Applied> apply(const Paths &paths, const Policy &policy, const ApplyRequest &request);

}  // namespace pm
