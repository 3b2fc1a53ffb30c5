// SPDX-License-Identifier: Apache-2.0
// A request by netlink, and its whole answer. A list that breaks off is a fault, never a shorter
// list: what is asked here says whether a host is protected.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>

#include "loader/base/fault.h"
#include "policy/model/address.h"

namespace pm {

using VisitMessage = std::function<void(const nlmsghdr *)>;

// Asks for a list, and calls visit for each message of it once all of it is there. A list that
// changed while the kernel wrote it is asked for anew. `what` completes "cannot ...". `by_header`:
// the kernel leaves out what the request's header excludes (NETLINK_GET_STRICT_CHK, Linux 4.20).
enum class DumpFilter { none, by_header };
Done dump_netlink(const char *what, int bus, nlmsghdr *request, const VisitMessage &visit,
                  DumpFilter filter = DumpFilter::none);

// The same of a single message. The error that the kernel answers with is given as it is.
struct NetlinkError {
    int number = 0;  // errno
};
tl::expected<void, NetlinkError> ask_netlink(int bus, nlmsghdr *request, const VisitMessage &visit);

// Adds an attribute with the address in its family's length.
void put_address(nlmsghdr *request, std::uint16_t type, const Address &address);
// The value of an attribute: 4 or 16 bytes in network byte order. Of another length: 0.0.0.0.
Address address_of(const nlattr *attribute);

}  // namespace pm
