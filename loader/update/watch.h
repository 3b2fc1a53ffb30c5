// SPDX-License-Identifier: Apache-2.0
// What `watch` does each time it looks. Enforcement does not depend on it.
//
// 1. It makes pins again that others removed, and puts the confirmed generation in force if nothing
//    is (keeper.h).
// 2. It settles a confirm deadline that has passed (expiry.h), and what a killed command left
//    (reconcile.h).
// 3. It finds which device each NIC of the policy is now (attach/recognise.h), by one list of all
//    interfaces. A NIC that has come gets the links of its programs, which are loaded already.
// 4. It attaches again what others removed: a link or a filter of an attached interface.
// 5. It notes for each interface what is attached, and the time, in the map that the exporter
//    reads. It tells the programs where addresses are (own/places.h).
// 6. If a device is to be closed or opened, or a NIC has no number yet, it puts the generation in
//    force anew (missing_interfaces.h). If that does not help, it tries again after a pause
//    (base/retry.h).
// 7. Where rows have a date, it tells the programs how far UTC is from their clock, and stores the
//    newest time (tell_time.h).
// 8. After the clock was set, and at first, it lets the bans end when the list says (ban.h).
//
// What it does goes into the history, and so does what it finds: a NIC that is absent, has come,
// has another name or hardware address, a device that is closed or opened again. A problem is
// reported once, until a look does not find it any more; then it would be reported again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/base/retry.h"
#include "loader/host/device.h"
#include "loader/host/nft_close.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/switch.h"
#include "loader/update/keeper.h"
#include "loader/update/missing_interfaces.h"

namespace pm {

class Watcher {
public:
    explicit Watcher(Paths paths)
        : paths_(std::move(paths)), keeper_(paths_), closing_copy_(paths_) {}

    // One look, under the writer's lock. It does nothing while a command holds that. Returns what
    // was done and what is wrong, a sentence each.
    // `after` is called under the lock, once all of this is done, unless only descriptors of what
    // is in force are left; it may add sentences.
    using After = std::function<void(std::vector<std::string> &)>;
    std::vector<std::string> look(const After &after);
    // Before this process ends, and nobody holds descriptors any more: pins that others removed
    // since the last look are made again. Nothing while a command holds the lock.
    std::vector<std::string> end();
    // Steps 2 to 7 for a command that holds the lock.
    std::vector<std::string> look_under_lock();
    // The next look places the bans anew by the clock, as the first one does.
    void clock_was_set() { bans_due_ = true; }
    bool has_placed_bans() const { return !bans_due_; }  // since then, or since it began
    // Did a command hold the lock at the last look?
    bool was_busy() const { return was_busy_; }
    // Did the last look try something in vain? Then there may be events of its own making.
    bool tried_in_vain() const { return tried_in_vain_; }

    // What the last look found: what is wrong, a sentence each; and "in force on eth0, eth1".
    const std::vector<std::string> &problems() const { return problems_; }
    const std::string &in_force() const { return in_force_; }

private:
    using Sentences = std::vector<std::string>;

    void tell(const KeeperReport &kept, Sentences &sentences);
    void place_bans(Sentences &sentences);
    void tell_time(const Pins &pins, Sentences &sentences);
    void look_for_list();
    void hold_pins(Sentences &sentences);
    void look_at_interfaces(Sentences &sentences);
    void begin_look();
    std::optional<NicsInForce> find_nics(const Pins &pins, const Switch &control,
                                         Sentences &sentences);
    void reconcile_disk(Store &store, std::uint64_t in_force, const Switch &control,
                        Sentences &sentences);
    void keep_attached(const Pins &pins, const Pins::Interface &interface,
                       const std::optional<Device> &device, Sentences &sentences);
    void note_in_force(const Pins &pins, Sentences &sentences);
    void settle(Sentences &sentences);
    void tell(const NicsInForce &nics, Sentences &sentences);
    void close_by_nftables(const std::vector<Device> &without_number,
                           const std::vector<Device> &open, Sentences &sentences);
    void keep_closing_copy(Sentences &sentences);
    void put_in_force(NicsInForce nics, Sentences &sentences);
    void refresh(NicsInForce nics, const Pins &pins, const Switch &control, Sentences &sentences);
    void report_done(const std::string &text, Sentences &sentences);
    void report_problem(const std::string &text, Sentences &sentences);
    void report_problem(const std::string &about, const Fault &fault, Sentences &sentences);

    Paths paths_;
    Keeper keeper_;
    bool was_busy_ = false;
    bool bans_due_ = true;
    bool had_list_ = false;  // of bans, at the last look
    bool tried_in_vain_ = false;
    std::string in_force_;  // of this look
    Sentences problems_;    // likewise
    Sentences reported_;    // the problems of the look before
    Sentences told_;        // what the look before knew of NICs that have changed
    Retry refreshed_;
    Sentences refresh_problems_, refresh_notes_;  // of the last try
    // Closed by nftables; none: not known, since before this process began.
    std::optional<std::vector<std::uint32_t>> closed_by_nftables_;
    std::optional<std::vector<Device>> closed_devices_;  // likewise, of this look
    ClosingCopy closing_copy_;
};

}  // namespace pm
