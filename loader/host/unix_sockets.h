// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "loader/base/fault.h"

namespace pm {

// Which unix socket each is connected to, both by inode. Asks sock_diag(7).
Result<std::map<std::uint32_t, std::uint32_t>> unix_socket_peers();

}  // namespace pm
