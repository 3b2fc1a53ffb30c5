// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace pm {

// The name of this host, as the kernel has it; empty if it has none.
std::string host_name();

}  // namespace pm
