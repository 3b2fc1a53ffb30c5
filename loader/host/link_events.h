// SPDX-License-Identifier: Apache-2.0
// Wakes whoever waits for a change of the interfaces.
#pragma once

#include "loader/host/netlink_socket.h"

namespace pm {

// Changes of interfaces, their addresses and whether they forward, qdiscs and filters in this
// network namespace.
class LinkEvents {
public:
    LinkEvents();

    // Readable once something has changed; -1: events cannot be had, and errno says why.
    int fd() const;
    // Throws away the events that have come. Whoever waits for them looks at everything anew, so
    // that an event which the kernel had no room for is not missed either.
    void drain() const;

private:
    NetlinkSocket socket_;
};

}  // namespace pm
