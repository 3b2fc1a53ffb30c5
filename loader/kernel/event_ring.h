// SPDX-License-Identifier: Apache-2.0
// Dropped packets as the programs send them: a ring of one's own, armed for some seconds at a
// time, so that a reader that dies costs the packet path nothing for long.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "loader/base/lock.h"
#include "loader/kernel/pins.h"
#include "policy/model/address.h"

struct ring_buffer;

namespace pm {

struct EventFilter {
    std::uint64_t reasons = ~std::uint64_t{0};  // 1 << reason
    std::uint16_t interfaces = 0xffff;          // 1 << number
    std::uint16_t row = 0;                      // counter slot; 0: any or none
    std::optional<Address> peer;
};

class EventRing {
public:
    // A ring that nobody else has; a fault if there is none. What others left in it is gone.
    // `pins` must outlive it.
    static Result<EventRing> claim(const Paths &paths, const Pins &pins);
    static Result<EventRing> claim(const Paths &paths, Pins &&pins) = delete;
    EventRing(EventRing &&other) noexcept;  // of the two only the new one is armed
    EventRing &operator=(EventRing &&) = delete;
    ~EventRing();

    // Events come from now on, for `armed_seconds` unless it is armed again. Returns for how many
    // seconds it had lapsed: drops of that time are neither sent nor counted as lost.
    static constexpr std::uint64_t armed_seconds = 10;
    Result<std::uint64_t> arm(const EventFilter &filter);
    // None is sent any more once this returns.
    void disarm();

    // visit(event) for each that has come, while it returns true.
    void read(const std::function<bool(const pm_event &)> &visit);
    // Packets that were wanted and could not be sent, since it was taken.
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
    std::uint64_t armed_until() const;  // the latest of all rings
    Result<std::uint64_t> count_lost() const;

    std::uint32_t number_;
    Lock lock_;
    const Pins *pins_;
    std::unique_ptr<ring_buffer, Free> buffer_;
    std::unique_ptr<pm_control, Unmap> control_;
    std::unique_ptr<const Visit *> visit_;  // libbpf keeps its address
    std::uint64_t lost_before_ = 0;
    std::uint64_t until_ = 0;  // jiffies; 0: it is not armed
};

}  // namespace pm
