// SPDX-License-Identifier: Apache-2.0
// Is a table of nftables there, and the event that one is made or removed.
#pragma once

#include <string>

#include "loader/base/fault.h"
#include "loader/host/netlink_socket.h"

namespace pm {

// In the family inet. A fault: the kernel does not say; it needs CAP_NET_ADMIN.
Result<bool> has_nft_table(const std::string &name);

// Changes of nftables in this network namespace.
class NftEvents {
public:
    NftEvents();

    // Readable once something has changed; -1: events cannot be had, as on a kernel without
    // nftables.
    int fd() const;
    // Throws away the events that have come. Whoever waits for them asks anew what is there.
    void drain() const;

private:
    NetlinkSocket socket_;
};

}  // namespace pm
