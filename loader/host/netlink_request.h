// SPDX-License-Identifier: Apache-2.0
// A request by netlink, and its whole answer. A list that breaks off is a fault, never a shorter
// list: what is asked here says whether a host is protected.
#pragma once

#include <linux/netlink.h>

#include <functional>

#include "loader/base/fault.h"

namespace pm {

using VisitMessage = std::function<void(const nlmsghdr *)>;

// Asks for a list, and calls visit for each message of it once all of it is there. A list that
// changed while the kernel wrote it is asked for anew. `what` completes "cannot ...".
Done dump_netlink(const char *what, int bus, nlmsghdr *request, const VisitMessage &visit);

// The same of a single message. The error that the kernel answers with is given as it is.
struct NetlinkError {
    int number = 0;  // errno
};
tl::expected<void, NetlinkError> ask_netlink(int bus, nlmsghdr *request, const VisitMessage &visit);

}  // namespace pm
