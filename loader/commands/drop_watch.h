// SPDX-License-Identifier: Apache-2.0
// Hears of dropped packets as they happen, for `monitor` and `droplog`. It reads the events by a
// timer, because waking a reader for each would slow the packets down.
//
// What is wanted is chosen by the programs where they can: reason, row, interface and peer. Port,
// protocol and direction are chosen here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/commands/event_names.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/event_ring.h"
#include "loader/observe/drop.h"
#include "loader/observe/selection.h"
#include "loader/show/event.h"

namespace pm::command {

struct WantedDrops {
    std::vector<std::string> interfaces, reasons;  // none: all
    Selection selection;
};

// Who is told of the drops. An error that it returns ends the watching.
class DropListener {
public:
    virtual ~DropListener() = default;
    virtual Done hear(const Drop &drop, const pm_event &event) = 0;
    // Of the watching itself: another policy, or that nothing was seen for a while.
    virtual void tell(show::Notice notice) = 0;
    virtual Done flush() = 0;  // what was heard, some times a second
    // Once a second. `lost`: wanted packets that could not be seen, since the beginning.
    virtual Done each_second(std::uint64_t lost) = 0;
    virtual bool has_enough() const = 0;
};

class DropWatch {
public:
    // `deployment` must outlive it.
    DropWatch(const Deployment &deployment, EventRing ring)
        : pins_(deployment.pins), names_(deployment.control), ring_(std::move(ring)) {}

    Done begin(WantedDrops wanted, DropListener &listener);

    // Until `signals` can be read, or monotonic_seconds() is `deadline`.
    enum class End { signal, enough, time, detached };  // detached: these maps are pinned no more
    Result<End> run(int signals, double deadline, DropListener &listener);

    Result<std::uint64_t> lost() const { return ring_.lost(); }
    // Packets that are lost may be others than those wanted.
    bool loses_others() const;
    const InForce &in_force() const { return names_.in_force(); }

private:
    Done set_filter();
    Done arm(DropListener &listener);
    Done check(DropListener &listener);
    Done read(DropListener &listener);
    void note_policy(DropListener &listener);
    Drop drop_of(const pm_event &event) const;

    const Pins &pins_;
    EventNames names_;
    EventRing ring_;
    WantedDrops wanted_;
    EventFilter filter_;
    std::uint64_t generation_ = 0;
    unsigned rollbacks_ = 0;
};

// A ring of the deployment, and the fault if there is none.
Result<DropWatch> watch_drops(const Deployment &deployment);

}  // namespace pm::command
