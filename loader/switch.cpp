// SPDX-License-Identifier: Apache-2.0
#include "loader/switch.h"

#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

namespace pm {
namespace {

// For kernels with nohz_full CPUs, where membarrier refuses: an update of a map of maps returns
// after a grace period too.
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

bool names(const pm_record &record, std::uint32_t image) {
    return record.image == image || record.shadow == 1 + image;
}

}  // namespace

Done grace_period() {
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return {};
    return grace_period_by_map();
}

std::uint64_t boottime_ns() {
    timespec now = {};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

void Switch::Unmap::operator()(void *memory) const {
    munmap(memory, size);
}

Result<Switch::Memory> Switch::map(const Maps &maps, const char *name, std::size_t size,
                                   Access access) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    size = (size + page - 1) / page * page;
    const int protection = access == Access::write ? PROT_READ | PROT_WRITE : PROT_READ;
    void *memory = mmap(nullptr, size, protection, MAP_SHARED, maps.fd(name), 0);
    if (memory == MAP_FAILED) return cannot(fmt::format("map '{}' into memory", name), errno);
    return Memory(memory, Unmap{size});
}

Result<Switch> Switch::open(const Maps &maps, Access access) {
    auto info = check_map(maps.fd("control"), "control", 4, sizeof(pm_control));
    if (!info) return tl::unexpected(info.error());
    auto images = map_info(maps.fd("images"), "images");
    if (!images) return tl::unexpected(images.error());

    Switch result;
    result.image_slot_ = images->value_size;
    auto memory = map(maps, "control", sizeof(pm_control), access);
    if (!memory) return tl::unexpected(memory.error());
    result.control_ = std::move(*memory);
    memory = map(maps, "images", std::size_t{images->value_size} * images->max_entries, access);
    if (!memory) return tl::unexpected(memory.error());
    result.images_ = std::move(*memory);
    return result;
}

Switch::State Switch::state() const {
    State state;
    state.epoch = __atomic_load_n(&control()->epoch, __ATOMIC_ACQUIRE);
    state.in_force = state.epoch;
    state.record = control()->records[pm_record_index(state.epoch)];
    if (state.record.deadline != 0 && boottime_ns() > state.record.deadline) {
        state.in_force = state.record.fallback;
        state.record = control()->records[pm_record_index(state.in_force)];
    }
    return state;
}

pm_view Switch::image(std::uint32_t slot) const {
    return {static_cast<const std::uint8_t *>(images_.get()) + std::size_t{slot} * image_slot_,
            image_slot_ - 1};
}

// What was retired by the last publish may still be read until a grace period has passed; also
// if another process published it and died.
Done Switch::settle() {
    if (settled_) return {};
    auto waited = grace_period();
    settled_ = waited.has_value();
    return waited;
}

Result<std::uint32_t> Switch::write_image(const std::vector<std::uint8_t> &image) {
    if (image.size() > image_slot_)
        return fault(
            fmt::format("the image of {} bytes exceeds its slot of {}", image.size(), image_slot_));
    const std::uint64_t epoch = __atomic_load_n(&control()->epoch, __ATOMIC_ACQUIRE);
    const pm_record &current = control()->records[pm_record_index(epoch)];
    std::uint32_t slot = 0;
    while (slot < PM_IMAGE_SLOTS &&
           (names(current, slot) ||
            (current.deadline != 0 &&
             names(control()->records[pm_record_index(current.fallback)], slot))))
        slot++;
    if (slot == PM_IMAGE_SLOTS)
        return fault("no slot is free for another policy",
                     "confirm or roll back the pending one first");
    if (auto waited = settle(); !waited) return tl::unexpected(waited.error());
    std::memcpy(static_cast<std::uint8_t *>(images_.get()) + std::size_t{slot} * image_slot_,
                image.data(), image.size());
    return slot;
}

Done Switch::publish(const pm_record &record, std::uint64_t expected) {
    const pm_record &current = control()->records[pm_record_index(expected)];
    const std::uint64_t fallback = current.deadline != 0 ? current.fallback : expected;
    // Sequences only grow: past the fallback's too, which programs may have stamped flows with.
    const std::uint64_t sequence = std::max(expected >> 4, fallback >> 4) + 1;

    std::uint32_t index = pm_record_index(expected);
    while (index == pm_record_index(expected) || index == pm_record_index(fallback))
        index = (index + 1) % PM_RECORDS;
    if (auto waited = settle(); !waited) return waited;
    control()->records[index] = record;
    __u64 seen = expected;
    if (!__atomic_compare_exchange_n(&control()->epoch, &seen, sequence << 4 | index, false,
                                     __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        return fault("another portmatrix has changed the policy meanwhile", "try again");
    settled_ = false;
    return {};
}

}  // namespace pm
