// SPDX-License-Identifier: Apache-2.0
// The switch from one policy to the next, while packets go by.
//
// Overview
//   Three maps hold what is in force. The layouts stand in maps/abi.h and maps/image.h.
//
//   images    PM_IMAGE_SLOTS slots, each with a compiled policy (an image)
//   bans      as many slots, each with a compiled list of bans
//   control   an epoch, and PM_RECORDS records
//
//   A record names everything that a verdict depends on: the slots of the image, of the bans and of
//   a shadow policy, the mode, which interfaces are filtered, a deadline and its fallback. An epoch
//   is a 64-bit number: a sequence that only grows, and the index of a record. A packet loads the
//   epoch once and its record once, so all its look-ups are of one policy.
//
// Life of a policy
//   1. write_image() and write_bans() copy it into slots that neither the record published last nor
//      its fallback names. The three slots are for the one in force, its fallback, and one to write
//      to; a shadow policy takes one as well.
//   2. The caller may ask the probe programs about the slot, which no packet reads yet.
//   3. publish() writes a record that names the slot, then stores the epoch. From this store on the
//      policy is in force, at both hooks of every interface.
//   4. When another epoch is published that does not name it, its slot is free. It is written to
//      after a grace period: packets that had loaded the old epoch may still read it.
//
// One 64-bit store
//   Images have megabytes and records 24 bytes: no CPU can store either at once. The epoch can be,
//   and is stored last. So no packet meets half of a change, and there is no instant at which the
//   two hooks of an interface disagree. tests/packet/switch_test.cpp stops a publishing after each
//   of its instructions and looks.
//
// Order
//   writer    grace period; slots; record; epoch (release)
//   program   epoch; the record that it names; the slots that this names
//   The grace period is that of the publishing before: it is waited for before the next write and
//   not after the store, so that a change is not longer than it must be. A new process does not
//   know whether one has passed, and waits as well.
//
// Writers
//   A writer holds the writer's lock (base/lock.h). Every publishing names the epoch that it
//   expects and stores by compare-and-exchange: a writer that is late in spite of the lock changes
//   nothing. This is the only code that writes `epoch` and `records` of `control`, and `images` and
//   `bans` (attach/exchange.h copies them into larger maps; event_ring.h has the word `monitored`).
//
// Deadline and fallback
//   publish_until() writes two records: that of the policy, with a deadline, and that of its
//   fallback, which has an epoch of its own. A packet that comes after the deadline goes by the
//   fallback's record. This needs no timer and no process. The record published last stays in
//   `control` until a writer calls settle_expired(), which publishes the fallback.
//
// The time
//   set_utc() writes one word of each image that has rows with a date. Packets read it meanwhile:
//   it is one store.
//
// Readers
//   state() copies the record by which packets go now. What a reader then reads from a slot is of
//   one policy only if the epoch is still the same afterwards: while it is, nobody writes to the
//   slots that its record and its fallback name. read_in_force() in deployment.h does this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "loader/base/fault.h"
#include "loader/kernel/map.h"
#include "maps/abi.h"
#include "maps/image.h"

namespace pm {

class Switch {
public:
    using Access = pm::Access;
    // The kernel does not share the memory of maps that were opened to be read. They are copied
    // each time that something is asked of them, so `maps` must outlive this.
    static Result<Switch> open(const Maps &maps, Access access);

    struct State {
        std::uint64_t epoch = 0;  // the one published last; 0: none ever was, the mode is off
        // By which the programs go: the one published last; after its deadline its fallback.
        pm_record record = {};
        bool pending = false;  // the policy waits to be confirmed, until record.deadline
        bool expired = false;  // nobody confirmed it: the fallback is in force, but not published
        // pending: the fallback; expired: the record that was not confirmed; else empty.
        pm_record other = {};
    };
    State state() const;

    // What a slot holds. See Readers above: compare state().epoch afterwards.
    pm_view image(std::uint32_t slot) const { return images_.view(slot); }
    pm_view bans(std::uint32_t slot) const { return bans_.view(slot); }
    std::uint32_t image_slot_size() const { return images_.slot_size; }
    std::uint32_t bans_slot_size() const { return bans_.slot_size; }

    // Writes into a slot that is free, and returns its number. A fault if none is free, or if there
    // are more bytes than a slot has.
    Result<std::uint32_t> write_image(const std::vector<std::uint8_t> &image);
    Result<std::uint32_t> write_bans(const std::vector<std::uint8_t> &bans);

    // Is there an image with rows that have a date?
    bool has_dates() const;
    // Tells these how far it is from CLOCK_BOOTTIME to UTC, in ns. True: one knew otherwise, by
    // more than a second.
    bool set_utc(std::uint64_t offset);

    // Puts `record` in force. A fault if `expected` is not the epoch published last.
    Done publish(pm_record record, std::uint64_t expected);

    // The same until `deadline` (CLOCK_BOOTTIME ns). After it the programs go by `fallback`.
    Done publish_until(std::uint64_t deadline, pm_record record, pm_record fallback,
                       std::uint64_t expected);

    // Publishes what is in force with a change, while it is pending also its fallback with the same
    // change. The deadline stays.
    Done republish(const std::function<void(pm_record &)> &change);

    // Publishes the fallback of an expired policy. Nothing to do if none has expired.
    Done settle_expired();

private:
    struct Unmap {
        std::size_t size;
        void operator()(void *memory) const;
    };
    using Memory = std::unique_ptr<void, Unmap>;

    // A map in memory: shared with the kernel, or a copy of it.
    struct Mapped {
        Memory memory{nullptr, Unmap{0}};
        int copied_from = -1;  // the descriptor of the map; -1: the memory is shared
    };
    static Result<Mapped> map(const Maps &maps, const char *name, std::size_t size, Access access);

    // A map of PM_IMAGE_SLOTS slots.
    struct Slots {
        Mapped map;
        std::uint32_t slot_size = 0;  // bytes

        std::uint8_t *at(std::uint32_t slot) const {
            return static_cast<std::uint8_t *>(map.memory.get()) + std::size_t{slot} * slot_size;
        }
        pm_view view(std::uint32_t slot) const {
            if (map.copied_from >= 0) bpf_map_lookup_elem(map.copied_from, &slot, at(slot));
            return {at(slot), slot_size - 1};
        }
    };
    static Result<Slots> map_slots(const Maps &maps, const char *name, Access access);

    pm_control *control() const { return static_cast<pm_control *>(control_.memory.get()); }
    const pm_record &record_of(std::uint64_t epoch) const {
        return control()->records[pm_record_index(epoch)];
    }
    std::uint64_t epoch() const { return __atomic_load_n(&control()->epoch, __ATOMIC_ACQUIRE); }

    bool has_dates(std::uint32_t slot) const;
    Done wait_for_readers();
    Done make_ready(std::uint64_t expected);
    Result<std::uint32_t> write(const Slots &slots, const std::vector<std::uint8_t> &bytes,
                                bool (*names)(const pm_record &, std::uint32_t));
    std::uint32_t free_record(std::uint64_t expected, std::uint32_t except) const;
    std::uint64_t next_sequence(std::uint64_t expected) const;
    Done exchange(std::uint64_t expected, std::uint64_t epoch);

    Mapped control_;
    Slots images_, bans_;
    bool waited_ = false;  // a grace period has passed since the last publish
};

// Is the interface of this number filtered where this record is in force? If not, everything passes
// there, attached or not.
bool holds_on(const pm_record &record, unsigned number);

// Waits until every packet that is being judged now has its verdict: a grace period of RCU, asked
// for from user space.
Done grace_period();

}  // namespace pm
