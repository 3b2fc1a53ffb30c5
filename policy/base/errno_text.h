// SPDX-License-Identifier: Apache-2.0
// The kernel's errors as users read them.
#pragma once

#include <string>

namespace pm {

// "permission denied (EACCES)"; `error` is an errno, of either sign.
std::string errno_text(int error);

}  // namespace pm
