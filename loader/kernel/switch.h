// SPDX-License-Identifier: Apache-2.0
// From one policy to the next: images are written aside into a slot that nobody reads, and one
// 64-bit store publishes a new epoch to every hook of every interface. The only code that
// writes `control`, `images` and `bans`; who writes must hold the lock (lock.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "loader/kernel/map.h"
#include "maps/image.h"

namespace pm {

class Switch {
public:
    using Access = pm::Access;
    // Maps that were opened to be read cannot be shared memory: they are copied when they are
    // asked, and `maps` must outlive this.
    static Result<Switch> open(const Maps &maps, Access access);

    struct State {
        std::uint64_t epoch = 0;  // published last; 0: nothing ever was, mode off
        // What the programs go by: the record published last, or past its deadline its fallback.
        pm_record record = {};
        bool pending = false;  // it waits to be confirmed, until record.deadline
        bool expired = false;  // nobody confirmed it: the fallback is in force, and not settled
        // Of a pending policy, its fallback; of an expired one, what was not confirmed.
        pm_record other = {};
    };
    State state() const;

    // What a slot holds. It may change unless a record in force names the slot: who reads
    // compares state().epoch afterwards.
    pm_view image(std::uint32_t slot) const { return images_.view(slot); }
    pm_view bans(std::uint32_t slot) const { return bans_.view(slot); }
    std::uint32_t image_slot_size() const { return images_.slot_size; }
    std::uint32_t bans_slot_size() const { return bans_.slot_size; }

    // Write into a slot that neither the record published last nor its fallback names, and
    // return its number. The bytes must fit.
    Result<std::uint32_t> write_image(const std::vector<std::uint8_t> &image);
    Result<std::uint32_t> write_bans(const std::vector<std::uint8_t> &bans);

    // Puts `record` in force, if `expected` is still the epoch published last.
    Done publish(pm_record record, std::uint64_t expected);

    // The same until `deadline` (CLOCK_BOOTTIME ns), after which the programs go by `fallback`
    // whoever is alive.
    Done publish_until(std::uint64_t deadline, pm_record record, pm_record fallback,
                       std::uint64_t expected);

    // Changes what is in force, and while it is pending its fallback alike; the deadline stays.
    Done republish(const std::function<void(pm_record &)> &change);

    // Makes the fallback of an expired policy what is published. False: there was none.
    Result<bool> settle_expired();

private:
    struct Unmap {
        std::size_t size;
        void operator()(void *memory) const;
    };
    using Memory = std::unique_ptr<void, Unmap>;
    // Of memory that is a copy, `copied_from` becomes the descriptor; else -1.
    static Result<Memory> map(const Maps &maps, const char *name, std::size_t size, Access access,
                              int &copied_from);

    // A map of PM_IMAGE_SLOTS slots in memory.
    struct Slots {
        Memory memory{nullptr, Unmap{0}};
        std::uint32_t slot_size = 0;
        int copied_from = -1;

        std::uint8_t *at(std::uint32_t slot) const {
            return static_cast<std::uint8_t *>(memory.get()) + std::size_t{slot} * slot_size;
        }
        pm_view view(std::uint32_t slot) const {
            if (copied_from >= 0) bpf_map_lookup_elem(copied_from, &slot, at(slot));
            return {at(slot), slot_size - 1};
        }
    };
    static Result<Slots> map_slots(const Maps &maps, const char *name, Access access);

    pm_control *control() const { return static_cast<pm_control *>(control_.get()); }
    const pm_record &record_of(std::uint64_t epoch) const {
        return control()->records[pm_record_index(epoch)];
    }
    std::uint64_t epoch() const { return __atomic_load_n(&control()->epoch, __ATOMIC_ACQUIRE); }

    Done wait_for_readers();
    Done ready_for(std::uint64_t expected);
    Result<std::uint32_t> write(const Slots &slots, const std::vector<std::uint8_t> &bytes,
                                bool (*names)(const pm_record &, std::uint32_t));
    std::uint32_t free_record(std::uint64_t expected, std::uint32_t but) const;
    std::uint64_t next_sequence(std::uint64_t expected) const;
    Done exchange(std::uint64_t expected, std::uint64_t epoch);

    Memory control_{nullptr, Unmap{0}};
    int control_copied_from_ = -1;
    Slots images_, bans_;
    bool waited_ = false;  // a grace period has passed since the last publish
};

// Is the interface of this number filtered by what the record puts in force? Else everything passes
// there, attached or not.
bool holds_on(const pm_record &record, unsigned number);

// Waits until every packet in flight has been judged (synchronize_rcu, from user space).
Done grace_period();

}  // namespace pm
