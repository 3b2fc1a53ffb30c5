// SPDX-License-Identifier: Apache-2.0
// A host of the process's network namespace with one device, edge0, whose frames a test sends and
// whose filters it looks behind: which packets came through every hook of nftables.
#pragma once

#include <sched.h>

#include <cstdint>
#include <set>
#include <string>

#include "policy/model/model.h"
#include "tests/support/packet.h"

namespace pm::test {

class Wire {
public:
    Wire();  // makes the device; a fault ends the process
    ~Wire();
    Wire(const Wire &) = delete;
    Wire &operator=(const Wire &) = delete;

    // Sends a frame to or from the host, with a number of its own if it has room for one. False:
    // the host's stack refuses to send it, before any filter has seen it.
    bool send(Direction direction, Bytes frame, std::uint16_t number);

    // The numbers of the packets that came through since the last forget().
    std::set<std::uint16_t> passed(Direction direction);
    void forget();

    void forget_flows();  // empties conntrack

private:
    bool to_host(const Bytes &frame) const;
    void await_arrivals();

    int raw_ = -1, tap_ = -1, out_v4_ = -1, out_v6_ = -1, groups_ = -1, groups_v6_ = -1;
    unsigned edge_ = 0, far_ = 0;
    bool is_on_the_way_ = false;  // a frame was sent to the host, and may not have come yet
    cpu_set_t cpus_ = {};         // of this process before
};

void shell(const std::string &command);  // a command that fails ends the process
std::string shell_output(const std::string &command);

}  // namespace pm::test
