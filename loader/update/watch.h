// SPDX-License-Identifier: Apache-2.0
// What `watch` does each time it looks. Enforcement does not depend on it.
//
// 1. It makes pins again that others removed, and puts the confirmed generation in force if nothing
//    is (keeper.h).
// 2. It settles a confirm deadline that has passed (expiry.h).
// 3. It attaches again what others removed: a link or a filter of an attached interface.
// 4. It notes for each interface what is attached, and the time, in the map that the exporter
//    reads.
// 5. It attaches to interfaces of the policy that were missing (missing_interfaces.h).
// 6. After the clock was set, and at first, it lets the bans end when the list says (ban.h).
//
// What it does goes into the history. A problem is reported once, until a look does not find it any
// more; then it would be reported again.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/pins.h"
#include "loader/update/keeper.h"

namespace pm {

class Watcher {
public:
    explicit Watcher(Paths paths) : paths_(std::move(paths)), keeper_(paths_) {}

    // One look, under the writer's lock. It does nothing while a command holds that. Returns what
    // was done and what is wrong, a sentence each.
    std::vector<std::string> look();
    // The next look places the bans anew by the clock, as the first one does.
    void clock_was_set() { bans_due_ = true; }
    // Did a command hold the lock at the last look?
    bool was_busy() const { return was_busy_; }

    // "in force on eth0, eth1", or what is wrong, for systemd.
    const std::string &status() const { return status_; }

private:
    using Sentences = std::vector<std::string>;

    bool keep_in_force(Sentences &sentences);
    void place_bans(Sentences &sentences);
    void hold_pins(Sentences &sentences);
    void look_at_interfaces(Sentences &sentences);
    bool keep_attached(const Pins &pins, const Pins::Interface &interface, Sentences &sentences);
    void settle(Sentences &sentences);
    void attach_missing_interfaces(Sentences &sentences);
    void report_done(const std::string &text, Sentences &sentences);
    void report_problem(const std::string &text, Sentences &sentences);
    void report_problem(const std::string &about, const Fault &fault, Sentences &sentences);

    Paths paths_;
    Keeper keeper_;
    bool was_busy_ = false;
    bool bans_due_ = true;
    std::string status_;
    Sentences problems_;  // of this look
    Sentences reported_;  // the problems of the look before
};

}  // namespace pm
