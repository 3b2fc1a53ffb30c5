// SPDX-License-Identifier: Apache-2.0
// What an apply has done, as lines for people and as JSON for scripts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "maps/abi.h"
#include "policy/base/diagnostic.h"
#include "policy/model/diff.h"

namespace pm::show {

struct AppliedPolicy {
    bool changed = true;           // false: all of it was in force already
    bool shadow = false;           // it is judged beside the policy in force
    std::uint64_t generation = 0;  // 0: of a shadow
    std::uint64_t policy_of = 0;   // of a rollback: the kept generation that has this policy
    std::string policy, sha256;
    pm_mode mode = PM_MODE_ENFORCE;
    std::vector<std::string> interfaces;
    std::string confirm_within;  // "60s"; empty: it is in force for good
    // Against the policy that was in force. Empty where none was.
    std::vector<Change> changes = {};
    std::optional<std::uint64_t> cut_flows = {};  // live ones; none: not known
    std::uint64_t bans = 0;                       // address ranges that are banned
    Diagnostics findings = {};                    // of the policy; its errors are none
    std::vector<std::string> notes;               // what the user should know, a sentence each
};

// "generation 8 (contoso) is in force on eth0", and what else the history should keep.
std::string applied_sentence(const AppliedPolicy &applied);
// All lines, the notes first.
std::vector<std::string> applied_lines(const AppliedPolicy &applied);
std::string applied_json(const AppliedPolicy &applied);

}  // namespace pm::show
