// SPDX-License-Identifier: Apache-2.0
// Puts a policy in force on all its interfaces, or changes nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/attach/attach.h"
#include "loader/base/fault.h"
#include "policy/model/model.h"

namespace pm {

struct ApplyRequest {
    std::vector<std::string> interfaces;  // to attach beside those attached; empty: the policy's
    std::optional<pm_mode> mode;          // else that in force; at first enforce
    bool shadow = false;                  // judged beside the policy in force only
    std::optional<XdpMode> xdp;           // none: as the policy in force asked for
    std::uint64_t confirm_within = 0;     // seconds, after which it is rolled back; 0: for good
    bool force = false;                   // even if an SSH session of this host is cut
};

struct Applied {
    std::uint64_t generation = 0;
    std::string sha256;
    pm_mode mode = PM_MODE_ENFORCE;
    std::vector<std::string> interfaces;
    std::vector<std::string> notes;
};

// The caller holds the lock. Everything that can fail comes before the one store that switches;
// a fault leaves policy, interfaces and pins as they were.
Result<Applied> apply(const Paths &paths, const Policy &policy, const ApplyRequest &request);

}  // namespace pm
