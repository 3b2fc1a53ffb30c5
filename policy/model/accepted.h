// SPDX-License-Identifier: Apache-2.0
// Findings of lint that the author of a policy knows of, and means: `accept: [overlap]`. Lint does
// not tell these again. They change no verdict.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace pm {

namespace finding {
inline constexpr std::string_view overlap = "overlap", over_wide = "over-wide",
                                  ephemeral_ports = "ephemeral-ports", no_failsafe = "no-failsafe";
}  // namespace finding

// What a row may accept, and what the policy as a whole.
inline constexpr std::array row_findings{finding::overlap, finding::over_wide,
                                         finding::ephemeral_ports};
inline constexpr std::array policy_findings{finding::no_failsafe};

inline bool accepts(const std::vector<std::string> &accepted, std::string_view finding) {
    return std::ranges::find(accepted, finding) != accepted.end();
}

}  // namespace pm
