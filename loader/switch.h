// SPDX-License-Identifier: Apache-2.0
// From one policy to the next: images are written aside into a slot that nobody reads, and one
// 64-bit store publishes a new epoch to every hook of every interface. The only code that
// writes `control`, `images` and `bans`; who writes must hold the lock (lock.h).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "loader/map.h"
#include "maps/image.h"

namespace pm {

class Switch {
public:
    enum class Access { read, write };
    static Result<Switch> open(const Maps &maps, Access access);

    // The epoch published last, and what is in force: its record, or past its deadline the
    // fallback's. `epoch` 0: nothing was ever published, mode off.
    struct State {
        std::uint64_t epoch = 0;
        std::uint64_t in_force = 0;  // the epoch whose record this is
        pm_record record = {};
    };
    State state() const;

    // What a slot of `images` holds. It may change unless a record in force names the slot: who
    // reads compares state().epoch afterwards.
    pm_view image(std::uint32_t slot) const;
    std::uint32_t image_slot_size() const { return image_slot_; }

    // Writes into a slot that neither the epoch in force nor its fallback names, and returns its
    // number. The image must fit.
    Result<std::uint32_t> write_image(const std::vector<std::uint8_t> &image);

    // Puts `record` in force if `expected` is still the epoch published last.
    Done publish(const pm_record &record, std::uint64_t expected);

private:
    struct Unmap {
        std::size_t size;
        void operator()(void *memory) const;
    };
    using Memory = std::unique_ptr<void, Unmap>;

    pm_control *control() const { return static_cast<pm_control *>(control_.get()); }
    Done settle();

    static Result<Memory> map(const Maps &maps, const char *name, std::size_t size, Access access);

    Memory control_{nullptr, Unmap{0}};
    Memory images_{nullptr, Unmap{0}};
    std::uint32_t image_slot_ = 0;
    bool settled_ = false;  // a grace period has passed since the last publish
};

// Waits until every packet in flight has been judged (synchronize_rcu, from user space).
Done grace_period();

std::uint64_t boottime_ns();

}  // namespace pm
