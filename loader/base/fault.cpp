// SPDX-License-Identifier: Apache-2.0
#include "loader/base/fault.h"

#include <fmt/core.h>

#include "policy/base/errno_text.h"

namespace pm {

std::string with_hint(const Fault &fault) {
    return fault.hint.empty() ? fault.message : fmt::format("{} ({})", fault.message, fault.hint);
}

tl::unexpected<Fault> cannot(const std::string &what, int error, std::string hint) {
    return fault(fmt::format("cannot {}: {}", what, errno_text(error)), std::move(hint));
}

}  // namespace pm
