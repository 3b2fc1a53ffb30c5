// SPDX-License-Identifier: Apache-2.0
// What `watch` does each time it looks: enforcement that others removed is attached again, an
// expired confirm is settled, and the state of attachment is written where the exporter reads it.
// Enforcement never depends on it.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

class Watcher {
public:
    explicit Watcher(Paths paths) : paths_(std::move(paths)) {}

    // One look at everything, under the writer's lock; while a command holds that, nothing is
    // looked at. Returns what was done, a sentence each.
    std::vector<std::string> look();

    // "generation 7 on eth0, eth1", or what is wrong, for systemd.
    const std::string &status() const { return status_; }

private:
    void look_at_interfaces(std::vector<std::string> &done);
    void look_for_late_ones(std::vector<std::string> &done);
    void settle(std::vector<std::string> &done);
    void tell(const std::string &text, std::vector<std::string> &done);
    void complain(const std::string &text, std::vector<std::string> &done);
    void complain(const std::string &about, const Fault &fault, std::vector<std::string> &done);

    Paths paths_;
    std::string status_;
    std::vector<std::string> complaints_, said_;  // of this look, and of the one before
};

}  // namespace pm
