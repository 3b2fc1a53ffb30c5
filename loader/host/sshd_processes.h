// SPDX-License-Identifier: Apache-2.0
// The processes of the SSH servers of this host, and what they have open, as /proc shows them.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "loader/base/fault.h"

namespace pm {

using Inodes = std::set<std::uint32_t>;

struct SshdProcess {
    int id = 0, parent = 0;
    std::uint32_t user = 0;
    Inodes sockets = {};
    Inodes read_pipes = {},
           written_pipes = {};  // of which it holds the end to read from, to write to
};

// Those of root whose file belongs to root and is called sshd, or sshd-session as of OpenSSH 9.8.
// What others run or call sshd is none. After these come their own children that are called so and
// run as another user, as that of a user who has logged in.
Result<std::vector<SshdProcess>> sshd_processes();

}  // namespace pm
