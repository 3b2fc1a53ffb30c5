// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/event_ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <bpf/libbpf.h>
#include <fmt/core.h>

#include "loader/kernel/jiffies.h"
#include "loader/kernel/map.h"
#include "loader/kernel/program.h"
#include "loader/kernel/switch.h"

namespace pm {
namespace {

using Rings = Map<std::uint32_t, pm_ring>;
using RingCounts = CounterArray<pm_ring_count>;

std::uint64_t load(const __u64 &word) {
    return __atomic_load_n(&word, __ATOMIC_SEQ_CST);
}

bool exchange(__u64 &word, __u64 expected, __u64 desired) {
    return __atomic_compare_exchange_n(&word, &expected, desired, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

// Are these programs those of this build? Others may not know what is new in it.
bool has_our_programs(const Pins &pins) {
    const auto abi = Map<std::uint32_t, pm_build>::of(pins.maps(), "abi");
    const auto build = abi ? abi->get(0) : Result<pm_build>(fault(""));
    return build && build->programs == this_build().programs;
}

void set_peer(const std::optional<Prefix> &peer, const Pins &pins, pm_ring &entry) {
    if (!peer) return;
    const int open = (peer->address.is_v4() ? 32 : 128) - peer->length;
    if (open > 127 || (open != 0 && !has_our_programs(pins))) return;
    entry.by_peer = static_cast<std::uint8_t>(1 + open);
    entry.peer = peer->address.abi();
}

}  // namespace

void EventRing::Free::operator()(ring_buffer *buffer) const {
    ring_buffer__free(buffer);
}

void EventRing::Unmap::operator()(pm_control *control) const {
    munmap(control, sizeof(pm_control));
}

Result<EventRing> EventRing::claim(const Paths &paths, const Pins &pins) {
    for (std::uint32_t number = 0; number < PM_EVENT_RINGS; ++number) {
        auto lock = Lock::ring(paths, number);
        if (!lock && lock.error().exit == Exit::refused) continue;
        if (!lock) return tl::unexpected(lock.error());
        EventRing ring(number, std::move(*lock), pins);
        if (auto opened = ring.open(); !opened) return tl::unexpected(opened.error());
        return ring;
    }
    return fault(fmt::format("{} others are monitoring already", PM_EVENT_RINGS),
                 "end one of them, then try again");
}

Done EventRing::open() {
    const Maps &maps = pins_->maps();
    // Whoever had the ring is dead. Its filter holds no more, and its events are thrown away below.
    if (auto done = put({}); !done) return done;
    visit_ = std::make_unique<const Visit *>(nullptr);
    const auto call = [](void *context, void *data, std::size_t size) {
        const Visit *visit = *static_cast<const Visit **>(context);
        if (!visit || size < sizeof(pm_event)) return 0;
        return (*visit)(*static_cast<const pm_event *>(data)) ? 0 : -ECANCELED;
    };
    buffer_.reset(
        ring_buffer__new(maps.fd(fmt::format("events_{}", number_)), call, visit_.get(), nullptr));
    if (!buffer_) return cannot("open a ring of events", errno);
    ring_buffer__consume(buffer_.get());
    void *memory = mmap(nullptr, sizeof(pm_control), PROT_READ | PROT_WRITE, MAP_SHARED,
                        maps.fd("control"), 0);
    if (memory == MAP_FAILED) return cannot("map 'control' into memory", errno);
    control_.reset(static_cast<pm_control *>(memory));
    return count_lost().map([&](std::uint64_t lost) { lost_before_ = lost; });
}

EventRing::EventRing(EventRing &&other) noexcept
    : number_(other.number_),
      lock_(std::move(other.lock_)),
      pins_(other.pins_),
      buffer_(std::move(other.buffer_)),
      control_(std::move(other.control_)),
      visit_(std::move(other.visit_)),
      lost_before_(other.lost_before_),
      until_(std::exchange(other.until_, 0)) {}

EventRing::~EventRing() {
    if (until_ != 0) disarm();
}

Done EventRing::put(const pm_ring &entry) const {
    return Rings::of(pins_->maps(), "rings").and_then([&](const Rings &rings) {
        return rings.put(number_, entry);
    });
}

Result<std::uint64_t> EventRing::arm(const EventFilter &filter) {
    const std::uint64_t now = jiffies_now(), before = until_;
    pm_ring entry = {};
    entry.reasons = filter.reasons;
    entry.interfaces = filter.interfaces;
    entry.row = filter.row;
    set_peer(filter.peer, *pins_, entry);
    // An entry that is not armed yet gets its filter first, and is armed by a second write: so no
    // packet meets an armed entry with half of its filter.
    if (before == 0)
        if (auto done = put(entry); !done) return tl::unexpected(done.error());
    entry.until = until_ = now + armed_seconds * kernel_hz();
    if (auto done = put(entry); !done) return tl::unexpected(done.error());
    for (;;) {
        const std::uint64_t monitored = load(control_->monitored);
        if (monitored >= until_ || exchange(control_->monitored, monitored, until_)) break;
    }
    return before != 0 && now > before ? (now - before) / kernel_hz() : 0;
}

std::uint64_t EventRing::armed_until() const {
    std::uint64_t latest = 0;
    auto rings = Rings::of(pins_->maps(), "rings");
    for (std::uint32_t number = 0; rings && number < PM_EVENT_RINGS; ++number)
        if (auto entry = rings->get(number)) latest = std::max<std::uint64_t>(latest, entry->until);
    return latest <= jiffies_now() ? 0 : latest;
}

// Lowers `monitored` to what the other rings need. A reader raises it after it has armed its ring.
// So if a ring is armed that armed_until() does not see, its reader raises `monitored` later:
// before the exchange, which then fails, or after it.
void EventRing::disarm() {
    until_ = 0;
    if (!put({})) return;  // the programs disarm it when its time is over
    const std::uint64_t monitored = load(control_->monitored);
    exchange(control_->monitored, monitored, armed_until());
    (void)grace_period();  // at worst some events are sent that nobody reads
}

void EventRing::read(const Visit &visit) {
    *visit_ = &visit;
    ring_buffer__consume(buffer_.get());
    *visit_ = nullptr;
}

Result<std::uint64_t> EventRing::count_lost() const {
    return RingCounts::of(pins_->maps().fd("ring_counts"), "ring_counts")
        .and_then([&](const RingCounts &counts) { return counts.get(number_); })
        .map([](const pm_ring_count &count) -> std::uint64_t { return count.lost; });
}

Result<std::uint64_t> EventRing::lost() const {
    return count_lost().map([&](std::uint64_t lost) { return lost - lost_before_; });
}

}  // namespace pm
