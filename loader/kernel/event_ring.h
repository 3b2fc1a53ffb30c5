// SPDX-License-Identifier: Apache-2.0
// The dropped packets that the programs tell of, as events in a ring. Each reader has a ring of its
// own, since two readers of one ring would take the events from each other. The programs send
// events only while a ring is armed. It is armed for some seconds at a time, so that a reader that
// dies does not cost the packet path anything for long.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "loader/base/fault.h"
#include "loader/base/lock.h"
#include "loader/base/paths.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"
#include "policy/model/address.h"

struct ring_buffer;

namespace pm {

// Which dropped packets a reader wants.
struct EventFilter {
    std::uint64_t reasons = ~std::uint64_t{0};  // 1 << reason
    std::uint16_t interfaces = 0xffff;          // 1 << number
    std::uint16_t row = 0;                      // counter slot; 0: packets of any row or of none
    std::optional<Prefix> peer;                 // none: any
};

class EventRing {
public:
    // A ring that nobody else has; a fault if there is none. Events that an earlier reader left in
    // it are thrown away. `pins` must outlive it.
    static Result<EventRing> claim(const Paths &paths, const Pins &pins);
    static Result<EventRing> claim(const Paths &paths, Pins &&pins) = delete;
    EventRing(EventRing &&other) noexcept;  // `other` is not armed any more
    EventRing &operator=(EventRing &&) = delete;
    ~EventRing();

    // From now on the programs send events, for `armed_seconds`; to be called again before they are
    // over. Returns for how many seconds the ring was not armed since the last call: drops of that
    // time are neither sent nor counted as lost.
    // The programs of an older release, which know no prefixes, send the events of any peer then.
    static constexpr std::uint64_t armed_seconds = 10;
    Result<std::uint64_t> arm(const EventFilter &filter);
    // When this returns, no event is sent any more.
    void disarm();

    // Calls visit(event) for each event that has come, while it returns true.
    void read(const std::function<bool(const pm_event &)> &visit);
    // How many wanted packets could not be sent, since claim().
    Result<std::uint64_t> lost() const;

private:
    struct Free {
        void operator()(ring_buffer *buffer) const;
    };
    struct Unmap {
        void operator()(pm_control *control) const;
    };
    using Visit = std::function<bool(const pm_event &)>;

    EventRing(std::uint32_t number, Lock lock, const Pins &pins)
        : number_(number), lock_(std::move(lock)), pins_(&pins) {}
    Done open();
    Done put(const pm_ring &entry) const;
    std::uint64_t armed_until() const;  // jiffies; the latest of all rings, 0: none is armed
    Result<std::uint64_t> count_lost() const;

    std::uint32_t number_;
    Lock lock_;
    const Pins *pins_;
    std::unique_ptr<ring_buffer, Free> buffer_;
    std::unique_ptr<pm_control, Unmap> control_;
    std::unique_ptr<const Visit *> visit_;  // on the heap: libbpf has its address
    std::uint64_t lost_before_ = 0;
    std::uint64_t until_ = 0;  // jiffies; 0: it is not armed
};

}  // namespace pm
