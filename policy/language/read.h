// SPDX-License-Identifier: Apache-2.0
// From files to a Policy: YAML, includes, sets.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "policy/base/diagnostic.h"
#include "policy/language/include.h"
#include "policy/model/model.h"

namespace pm {

// Reads a policy with everything that it includes. Collects every error; without one, the
// policy is whole (rows' names resolve, sets are resolved). `required` sets still missing are
// errors, and the policy is returned beside them so that `check` can print the matrix.
struct ReadResult {
    std::optional<Policy> policy;
    Diagnostics diagnostics;
    bool unreadable = false;  // the policy file itself; the one error says why
};

ReadResult read_policy(const std::filesystem::path &path, const ReadOptions &options);

// The same for text that is at hand, such as a printed policy; `name` is what messages call it,
// and relative paths begin beside it.
ReadResult read_policy_text(std::string text, const std::string &name, const ReadOptions &options);

}  // namespace pm
