// SPDX-License-Identifier: Apache-2.0
// Says that something about the interfaces has changed.
#pragma once

struct mnl_socket;

namespace pm {

// Changes of interfaces, qdiscs and filters in this network namespace.
class LinkEvents {
public:
    LinkEvents();
    LinkEvents(const LinkEvents &) = delete;
    LinkEvents &operator=(const LinkEvents &) = delete;
    ~LinkEvents();

    // Readable once something has changed; -1: events cannot be had, and errno says why.
    int fd() const;
    // Forgets what has come. What it was does not matter, since whoever waits looks at everything
    // then. So an event that the kernel had no room for is not missed either.
    void drain() const;

private:
    mnl_socket *socket_;
};

}  // namespace pm
