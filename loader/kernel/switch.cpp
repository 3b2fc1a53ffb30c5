// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/switch.h"

#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <fmt/core.h>

#include "loader/base/clock.h"
#include "maps/lookup.h"
#include "policy/base/fd.h"

namespace pm {
namespace {

// membarrier refuses on kernels with nohz_full CPUs. An update of a map of maps returns after a
// grace period too.
Done grace_period_by_map() {
    const Fd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "pm_grace", 4, 4, 1, nullptr));
    if (!inner) return cannot("make a map to wait with", errno);
    bpf_map_create_opts options = {};
    options.sz = sizeof(options);
    options.inner_map_fd = static_cast<std::uint32_t>(inner.get());
    const Fd outer(bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "pm_grace", 4, 4, 1, &options));
    if (!outer) return cannot("make a map to wait with", errno);
    const std::uint32_t key = 0;
    const int value = inner.get();
    if (bpf_map_update_elem(outer.get(), &key, &value, BPF_ANY) != 0)
        return cannot("wait for the packets in flight", errno);
    return {};
}

constexpr std::uint32_t no_record = PM_RECORDS;

bool names_image(const pm_record &record, std::uint32_t slot) {
    return record.image == slot || record.shadow == 1 + slot;
}

bool names_bans(const pm_record &record, std::uint32_t slot) {
    return record.bans == 1 + slot;
}

}  // namespace

bool holds_on(const pm_record &record, unsigned number) {
    return record.mode != PM_MODE_OFF && record.interfaces >> number & 1;
}

Done grace_period() {
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return {};
    return grace_period_by_map();
}

void Switch::Unmap::operator()(void *memory) const {
    munmap(memory, size);
}

Result<Switch::Mapped> Switch::map(const Maps &maps, const char *name, std::size_t size,
                                   Access access) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    size = (size + page - 1) / page * page;
    const int protection = access == Access::write ? PROT_READ | PROT_WRITE : PROT_READ;
    int copied_from = -1;
    void *memory = mmap(nullptr, size, protection, MAP_SHARED, maps.fd(name), 0);
    if (memory == MAP_FAILED && errno == EINVAL && access == Access::read) {
        // For a descriptor without write access the kernel would have to make a private mapping,
        // and it makes none of maps.
        copied_from = maps.fd(name);
        memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (memory == MAP_FAILED) return cannot(fmt::format("map '{}' into memory", name), errno);
    return Mapped{.memory = Memory(memory, Unmap{size}), .copied_from = copied_from};
}

Result<Switch::Slots> Switch::map_slots(const Maps &maps, const char *name, Access access) {
    auto info = map_info(maps.fd(name), name);
    if (!info) return tl::unexpected(info.error());
    return map(maps, name, std::size_t{info->value_size} * info->max_entries, access)
        .map([&](Mapped &&mapped) {
            return Slots{.map = std::move(mapped), .slot_size = info->value_size};
        });
}

Result<Switch> Switch::open(const Maps &maps, Access access) {
    auto info = check_map(maps.fd("control"), "control", 4, sizeof(pm_control));
    if (!info) return tl::unexpected(info.error());
    auto control = map(maps, "control", sizeof(pm_control), access);
    if (!control) return tl::unexpected(control.error());
    auto images = map_slots(maps, "images", access);
    if (!images) return tl::unexpected(images.error());
    auto bans = map_slots(maps, "bans", access);
    if (!bans) return tl::unexpected(bans.error());

    Switch result;
    result.control_ = std::move(*control);
    result.images_ = std::move(*images);
    result.bans_ = std::move(*bans);
    return result;
}

Switch::State Switch::state() const {
    // The kernel copies the epoch before the records, so the record that it names is complete.
    const std::uint32_t key = 0;
    if (control_.copied_from >= 0) bpf_map_lookup_elem(control_.copied_from, &key, control());
    State state;
    state.epoch = epoch();
    state.record = record_of(state.epoch);
    if (state.record.deadline == 0) return state;
    state.other = record_of(state.record.fallback);
    state.expired = boottime_ns() > state.record.deadline;
    state.pending = !state.expired;
    if (state.expired) std::swap(state.record, state.other);
    return state;
}

// Packets may still read what the last publishing made free, until a grace period has passed. It
// counts also if another process published and died.
Done Switch::wait_for_readers() {
    if (waited_) return {};
    auto waited = grace_period();
    waited_ = waited.has_value();
    return waited;
}

Result<std::uint32_t> Switch::write(const Slots &slots, const std::vector<std::uint8_t> &bytes,
                                    bool (*names)(const pm_record &, std::uint32_t)) {
    if (bytes.size() > slots.slot_size)
        return fault(
            fmt::format("{} bytes exceed their slot of {}", bytes.size(), slots.slot_size));
    const pm_record &current = record_of(epoch());
    const pm_record &fallback = current.deadline != 0 ? record_of(current.fallback) : current;
    std::uint32_t slot = 0;
    while (slot < PM_IMAGE_SLOTS && (names(current, slot) || names(fallback, slot))) slot++;
    if (slot == PM_IMAGE_SLOTS)
        return fault("no slot is free for another policy",
                     "confirm or roll back the pending one first");
    if (auto waited = wait_for_readers(); !waited) return tl::unexpected(waited.error());
    std::memcpy(slots.at(slot), bytes.data(), bytes.size());
    return slot;
}

Result<std::uint32_t> Switch::write_image(const std::vector<std::uint8_t> &image) {
    return write(images_, image, names_image);
}

// A slot may hold anything, or an image of a version that has no such word.
bool Switch::has_dates(std::uint32_t slot) const {
    const pm_view view = images_.view(slot);
    return pm_field(view, pm_image, magic) == PM_IMAGE_MAGIC &&
           pm_field(view, pm_image, abi) == PM_IMAGE_VERSION &&
           pm_field(view, pm_image, flags) & PM_IMAGE_DATES;
}

bool Switch::has_dates() const {
    for (std::uint32_t slot = 0; slot < PM_IMAGE_SLOTS; ++slot)
        if (has_dates(slot)) return true;
    return false;
}

bool Switch::set_utc(std::uint64_t offset) {
    constexpr std::uint64_t rounding = 1'000'000'000;
    bool is_news = false;
    for (std::uint32_t slot = 0; slot < PM_IMAGE_SLOTS; ++slot) {
        if (!has_dates(slot)) continue;
        __u64 *utc = &reinterpret_cast<pm_image *>(images_.at(slot))->utc;
        const std::uint64_t before = __atomic_load_n(utc, __ATOMIC_RELAXED);
        if ((before > offset ? before - offset : offset - before) <= rounding) continue;
        __atomic_store_n(utc, offset, __ATOMIC_RELAXED);
        is_news = true;
    }
    return is_news;
}

Result<std::uint32_t> Switch::write_bans(const std::vector<std::uint8_t> &bans) {
    return write(bans_, bans, names_bans);
}

// The index of a record that neither the epoch published last nor its fallback names; not `except`.
std::uint32_t Switch::free_record(std::uint64_t expected, std::uint32_t except) const {
    const pm_record &current = record_of(expected);
    std::uint32_t index = pm_record_index(expected);
    while (index == except || index == pm_record_index(expected) ||
           (current.deadline != 0 && index == pm_record_index(current.fallback)))
        index = (index + 1) % PM_RECORDS;
    return index;
}

// A sequence that is above that of the epoch published last, and above its fallback's: programs may
// have stamped flows with either.
std::uint64_t Switch::next_sequence(std::uint64_t expected) const {
    const pm_record &current = record_of(expected);
    const std::uint64_t fallback = current.deadline != 0 ? current.fallback : 0;
    return (std::max(expected, fallback) >> PM_RECORD_BITS) + 1;
}

// Call before a record is written: a writer that is late in spite of the lock must not write to a
// record that is in force by now.
Done Switch::make_ready(std::uint64_t expected) {
    if (epoch() != expected)
        return fault("another portmatrix has changed the policy meanwhile", "try again");
    return wait_for_readers();
}

Done Switch::exchange(std::uint64_t expected, std::uint64_t epoch) {
    __u64 seen = expected;
    if (!__atomic_compare_exchange_n(&control()->epoch, &seen, epoch, false, __ATOMIC_RELEASE,
                                     __ATOMIC_RELAXED))
        return fault("another portmatrix has changed the policy meanwhile", "try again");
    waited_ = false;
    return {};
}

Done Switch::publish(pm_record record, std::uint64_t expected) {
    const std::uint32_t index = free_record(expected, no_record);
    record.deadline = record.fallback = 0;
    if (auto ready = make_ready(expected); !ready) return ready;
    control()->records[index] = record;
    return exchange(expected, pm_epoch(next_sequence(expected), index));
}

Done Switch::publish_until(std::uint64_t deadline, pm_record record, pm_record fallback,
                           std::uint64_t expected) {
    const std::uint32_t index = free_record(expected, no_record);
    const std::uint32_t fallback_index = free_record(expected, index);
    const std::uint64_t sequence = next_sequence(expected);
    record.deadline = deadline;
    record.fallback = pm_epoch(sequence + 1, fallback_index);
    fallback.deadline = fallback.fallback = 0;
    if (auto ready = make_ready(expected); !ready) return ready;
    control()->records[fallback_index] = fallback;
    control()->records[index] = record;
    return exchange(expected, pm_epoch(sequence, index));
}

Done Switch::republish(const std::function<void(pm_record &)> &change) {
    State now = state();
    change(now.record);
    if (!now.pending) return publish(now.record, now.epoch);
    change(now.other);
    return publish_until(now.record.deadline, now.record, now.other, now.epoch);
}

Done Switch::settle_expired() {
    const State now = state();
    if (!now.expired) return {};
    return publish(now.record, now.epoch);
}

}  // namespace pm
