// SPDX-License-Identifier: Apache-2.0
// What `watch` does each time it looks. Enforcement does not depend on it.
//
// 1. It makes pins again that others removed, and puts the confirmed generation in force if nothing
//    is (keeper.h).
// 2. It settles a confirm deadline that has passed (expiry.h).
// 3. It finds which device each NIC of the policy is now (attach/recognise.h), by one list of all
//    interfaces. A NIC that has come gets the links of its programs, which are loaded already.
// 4. It attaches again what others removed: a link or a filter of an attached interface.
// 5. It notes for each interface what is attached, and the time, in the map that the exporter
//    reads.
// 6. If a device is to be closed or opened, or a NIC has no number yet, it puts the generation in
//    force anew (missing_interfaces.h).
// 7. After the clock was set, and at first, it lets the bans end when the list says (ban.h).
//
// What it does goes into the history, and so does what it finds: a NIC that is absent, has come,
// has another name or hardware address, a device that is closed or opened again. A problem is
// reported once, until a look does not find it any more; then it would be reported again.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/host/device.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/update/keeper.h"
#include "loader/update/missing_interfaces.h"

namespace pm {

class Watcher {
public:
    explicit Watcher(Paths paths) : paths_(std::move(paths)), keeper_(paths_) {}

    // One look, under the writer's lock. It does nothing while a command holds that. Returns what
    // was done and what is wrong, a sentence each.
    // `after` is called under the lock, once all of this is done; it may add sentences.
    using After = std::function<void(std::vector<std::string> &)>;
    std::vector<std::string> look(const After &after);
    // Steps 2 to 6 for a command that holds the lock.
    std::vector<std::string> look_under_lock();
    // The next look places the bans anew by the clock, as the first one does.
    void clock_was_set() { bans_due_ = true; }
    // Did a command hold the lock at the last look?
    bool was_busy() const { return was_busy_; }

    // "in force on eth0, eth1"; "degraded: " and what is wrong first, if something is. For systemd.
    const std::string &status() const { return status_; }

private:
    using Sentences = std::vector<std::string>;

    bool keep_in_force(Sentences &sentences);
    void place_bans(Sentences &sentences);
    void hold_pins(Sentences &sentences);
    void look_at_interfaces(Sentences &sentences);
    void end_look();
    std::optional<NicsInForce> find_nics(const Pins &pins, const Switch &control,
                                         Sentences &sentences);
    bool keep_attached(const Pins &pins, const Pins::Interface &interface,
                       const std::optional<Device> &device, Sentences &sentences);
    void settle(Sentences &sentences);
    void tell(const NicsInForce &nics, Sentences &sentences);
    void close_without_number(const std::vector<Device> &devices, Sentences &sentences);
    void refresh(NicsInForce nics, const Pins &pins, const Switch &control, Sentences &sentences);
    void report_done(const std::string &text, Sentences &sentences);
    void report_problem(const std::string &text, Sentences &sentences);
    void report_problem(const std::string &about, const Fault &fault, Sentences &sentences);

    Paths paths_;
    Keeper keeper_;
    bool was_busy_ = false;
    bool bans_due_ = true;
    std::string status_;
    Sentences problems_;              // of this look
    Sentences reported_;              // the problems of the look before
    Sentences told_;                  // what the look before knew of NICs that have changed
    bool closes_by_nftables_ = true;  // it may, since before this process began
};

}  // namespace pm
