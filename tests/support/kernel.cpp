// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kernel.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <span>
#include <stdexcept>
#include <system_error>

#include "loader/kernel/flow_table.h"
#include "loader/kernel/jiffies.h"
#include "loader/kernel/program.h"
#include "maps/paces.h"
#include "policy/image/ban_image.h"
#include "policy/model/bans.h"
#include "tests/support/arrays.h"
#include "tests/support/mapped.h"
#include "tests/support/places.h"
#include "tests/support/policies.h"
#include "tests/support/run_frame.h"
#include "tests/support/time.h"

namespace pm::test {

namespace {

constexpr std::uint32_t slot_size = 2U << 20;
constexpr std::uint32_t bans_size = 64U << 10;
const std::uint32_t first_drop = pm_drop_index(interface_number, 0, 0);
constexpr std::uint32_t drop_count = 2 * PM_REASON_SLOTS;
const auto young_tables = std::span(flow_tables).first(2);  // all but `assured`

template <typename T>
T value(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}

Program load_programs() {
    const char *object = std::getenv("PM_BPF_OBJECT");
    ProgramOptions options;
    options.interface = interface_number;
    options.image_slot = slot_size;
    options.bans_slot = bans_size;
    options.flow_capacity = 8192;  // more than any test opens, and quickly walked
    options.object = object ? object : "";
    show_libbpf_messages(true);
    return value(Program::load(options));
}

}  // namespace

struct Kernel::Counters {
    std::vector<pm_row_count> rows;
    std::vector<pm_drop_count> drops;
};

struct Kernel::Parts {
    Parts()
        : program(load_programs()),
          control_memory(program.maps().fd("control"), 4096),
          images(program.maps().fd("images"), std::size_t{slot_size} * PM_IMAGE_SLOTS),
          bans(program.maps().fd("bans"), std::size_t{bans_size} * PM_IMAGE_SLOTS),
          question(program.maps().fd("question"), 4096),
          paces(program.maps().fd("paces"), PM_PACES * sizeof(std::uint64_t)),
          cpus(static_cast<std::size_t>(libbpf_num_possible_cpus())) {
        write_test_places(program.maps(), interface_number);
    }

    pm_control &control() const { return *reinterpret_cast<pm_control *>(control_memory.bytes()); }

    void write_image(std::uint32_t slot, const Image &image) const {
        if (image.bytes.size() > slot_size) throw std::runtime_error("the image exceeds its slot");
        std::memcpy(slot_of(slot), image.bytes.data(), image.bytes.size());
        tell_test_time(slot_of(slot), waited);
    }

    std::uint8_t *slot_of(std::uint32_t slot) const {
        return images.bytes() + std::size_t{slot} * slot_size;
    }

    void wait(std::uint64_t seconds) {
        waited += seconds;
        for (std::uint32_t slot = 0; slot < PM_IMAGE_SLOTS; ++slot)
            tell_test_time(slot_of(slot), waited);
    }

    // No packet is under way, so there is no grace period to wait for.
    std::uint64_t publish(std::uint32_t slot, pm_mode mode, bool banning = false) {
        const std::uint32_t index = ++sequence % PM_RECORDS;
        pm_record record = {};
        record.image = static_cast<std::uint8_t>(slot);
        record.bans = banning;
        record.mode = static_cast<std::uint8_t>(mode);
        record.interfaces = 0xffff;
        control().records[index] = record;
        const std::uint64_t epoch = pm_epoch(sequence, index);
        __atomic_store_n(&control().epoch, epoch, __ATOMIC_RELEASE);
        return epoch;
    }

    template <typename K, class V, class Change>
    void each(const char *name, Change change) const {
        auto map = value(Map<K, V>::of(program.maps(), name));
        std::vector<std::pair<K, V>> all;
        if (!map.each([&](const K &key, const V &entry) { all.push_back({key, entry}); }))
            throw std::runtime_error(std::string("cannot read the map ") + name);
        for (auto &[key, entry] : all) change(map, key, entry);
    }

    template <typename K, class V>
    void empty(const char *name) const {
        each<K, V>(name, [](auto &map, const auto &key, const auto &) { map.remove(key); });
    }

    Verdict of_slot(std::size_t slot) const {
        for (std::size_t i = 0; i < row_slots.size(); ++i)
            if (row_slots[i] == slot) return row(static_cast<int>(i));
        return essential(static_cast<pm_essential>(slot));
    }

    Program program;
    Mapped control_memory, images, bans, question, paces;
    bool has_paces = false;
    std::uint64_t waited = 0;  // seconds since the last clear()
    std::size_t cpus;
    std::vector<std::uint16_t> row_slots;     // of the image in force, by row
    std::uint32_t slots = PM_FIRST_ROW_SLOT;  // of all images so far
    std::uint32_t sequence = 0;
    std::uint32_t in_force = 0;  // the slot of the image
    Counters last;
    Bytes output;
};

Kernel::Kernel() : parts_(std::make_unique<Parts>()) {
    name_device();
    clear();
}

Kernel::~Kernel() = default;

// If the programs cannot be loaded, no test means anything: the run ends.
Kernel &Kernel::shared() {
    try {
        static Kernel kernel;
        return kernel;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "packet tests: %s\n", error.what());
        std::exit(1);
    }
}

void Kernel::load_candidate(const Image &image) {
    parts_->write_image(0, image);
    auto &ask = *reinterpret_cast<pm_probe *>(parts_->question.bytes());
    ask = {.image = 0, .bans = 0, .interface = interface_number, .zero = 0};
}

Verdict Kernel::ask(Direction direction, const Bytes &frame) {
    bool in = direction == Direction::in;
    auto answer = static_cast<std::uint32_t>(
        run_frame(in ? parts_->program.ask_in() : parts_->program.ask_out(), frame, parts_->output,
                  direction, {}));
    return verdict_of(answer);
}

std::uint64_t Kernel::apply(const Image &image, pm_mode mode) {
    const std::uint32_t slot = parts_->in_force =
        3 - (parts_->in_force ? parts_->in_force : 2U);  // 0: candidate
    parts_->write_image(slot, image);
    const std::uint64_t epoch = parts_->publish(slot, mode);

    ImageView view(image.bytes);
    parts_->row_slots.clear();
    for (std::uint32_t i = 0; i < image.header().row_count; ++i) {
        parts_->row_slots.push_back(pm_row_at(view.view(), i).slot);
        parts_->slots = std::max(parts_->slots, parts_->row_slots.back() + 1U);
    }
    read(parts_->last);
    return epoch;
}

void Kernel::ban(const AddressSet &banned) {
    std::vector<Ban> bans;
    for (const Prefix &prefix : banned.prefixes())
        bans.push_back({.prefix = prefix, .created = 0, .expires = {}});
    auto image = compile_bans(bans, 1, 1);
    if (!image) throw std::runtime_error(image.error());
    if (image->size() > bans_size) throw std::runtime_error("the bans exceed their slot");
    std::memcpy(parts_->bans.bytes(), image->data(), image->size());
    parts_->publish(parts_->in_force, PM_MODE_ENFORCE, !bans.empty());
}

void Kernel::put_in_force(std::uint64_t epoch) {
    __atomic_store_n(&parts_->control().epoch, epoch, __ATOMIC_RELEASE);
}

void Kernel::set_deadline(std::uint64_t epoch, std::uint64_t deadline, std::uint64_t fallback) {
    pm_record &record = parts_->control().records[pm_record_index(epoch)];
    record.deadline = deadline;
    record.fallback = fallback;
}

void Kernel::name_device(std::uint32_t ifindex) {
    name_test_device(parts_->program.maps(), interface_number, ifindex);
}

void Kernel::apply_no_image() {
    parts_->publish(PM_IMAGE_SLOTS, PM_MODE_ENFORCE);
}

void Kernel::read(Counters &counters) const {
    read_sums(parts_->program.rows(), 0, parts_->slots, counters.rows);
    read_sums(parts_->program.maps().fd("drops"), first_drop, drop_count, counters.drops);
}

void Kernel::take_counters() {
    read(parts_->last);
}

bool Kernel::passes(Direction direction, const Bytes &frame) {
    return run_hook(direction, frame, {});
}

void Kernel::set_paces(Paces paces) {
    parts_->has_paces = paces != Paces::off;
    std::uint64_t due = 0;
    if (paces == Paces::full) {
        timespec now = {};
        clock_gettime(CLOCK_MONOTONIC, &now);
        due = (static_cast<std::uint64_t>(now.tv_sec) + 3600) * 1'000'000'000;
    }
    std::fill_n(reinterpret_cast<std::uint64_t *>(parts_->paces.bytes()), PM_PACES, due);
}

bool Kernel::run_hook(Direction direction, const Bytes &frame, const Context &context) {
    if (!parts_->has_paces) set_paces(Paces::off);
    bool in = direction == Direction::in;
    int action = run_frame(in ? parts_->program.ingress() : parts_->program.egress(), frame,
                           parts_->output, direction, context);
    int passes = in ? 2 : -1, drops = in ? 1 : 2;  // XDP_PASS, TC_ACT_UNSPEC; XDP_DROP, _SHOT
    if (action != passes && action != drops)
        throw std::runtime_error("a program returned " + std::to_string(action));
    return action == passes;
}

Seen Kernel::see(Direction direction, const Bytes &frame, const Context &context) {
    const bool passed = run_hook(direction, frame, context);
    Counters now;
    read(now);
    Seen seen{.passed = passed, .moved = moved_since(now, direction)};
    parts_->last = std::move(now);
    return seen;
}

// If a counter of the other direction moved, it gets the number -1, which no test expects.
std::vector<Moved> Kernel::moved_since(const Counters &now, Direction direction) const {
    const Counters &before = parts_->last;
    const auto way = static_cast<std::size_t>(direction);
    std::vector<Moved> moved;
    for (std::size_t i = 0; i < now.rows.size() * 2; ++i) {
        const pm_row_count &a = before.rows[i / 2], &b = now.rows[i / 2];
        std::uint64_t packets = b.packets[i % 2] - a.packets[i % 2];
        std::uint64_t bytes = b.bytes[i % 2] - a.bytes[i % 2];
        Verdict verdict = i % 2 == way ? parts_->of_slot(i / 2) : Verdict{Verdict::Kind::row, -1};
        if (packets || bytes) moved.push_back({verdict, packets, bytes, false});
    }
    for (std::size_t i = 0; i < now.drops.size(); ++i) {
        const pm_drop_count &a = before.drops[i], &b = now.drops[i];
        Verdict verdict = drop(static_cast<pm_reason>(i % PM_REASON_SLOTS));
        if (i / PM_REASON_SLOTS != way) verdict.number = -1;
        if (b.packets != a.packets || b.bytes != a.bytes)
            moved.push_back({verdict, b.packets - a.packets, b.bytes - a.bytes, false});
        if (b.would_packets != a.would_packets || b.would_bytes != a.would_bytes)
            moved.push_back(
                {verdict, b.would_packets - a.would_packets, b.would_bytes - a.would_bytes, true});
    }
    return moved;
}

Totals Kernel::totals() const {
    Totals totals;
    for (const pm_row_count &count : parts_->last.rows) {
        totals.passed += count.packets[0] + count.packets[1];
        totals.mismatched += count.mismatched;
    }
    for (const pm_drop_count &count : parts_->last.drops) totals.dropped += count.packets;
    return totals;
}

void Kernel::set_counters(std::uint64_t packets) {
    std::vector<pm_row_count> rows(parts_->cpus);
    std::vector<pm_drop_count> drops(parts_->cpus);
    rows[0].packets[0] = rows[0].packets[1] = drops[0].packets = packets;
    for (std::uint32_t i = 0; i < parts_->slots; ++i)
        if (bpf_map_update_elem(parts_->program.rows(), &i, rows.data(), BPF_ANY))
            fail("set a counter");
    for (std::uint32_t i = first_drop; i < first_drop + drop_count; ++i)
        if (bpf_map_update_elem(parts_->program.maps().fd("drops"), &i, drops.data(), BPF_ANY))
            fail("set a counter");
    read(parts_->last);
}

void Kernel::clear() {
    for (const FlowTable &table : flow_tables) parts_->empty<pm_flow_key, pm_flow>(table.name);
    parts_->empty<pm_fragment_key, pm_fragment>("fragments");
    parts_->empty<pm_flow_key, std::uint32_t>("handshakes");
    parts_->empty<pm_limit_key, std::uint64_t>("limits");
    parts_->empty<pm_neighbour_key, pm_neighbour>("neighbours");
    clear_array<std::uint64_t>(parts_->program.maps().fd("row_limits"), 0, parts_->slots, 1);
    set_paces(Paces::off);
    parts_->waited = 0;
    parts_->wait(0);
    clear_array<pm_dhcp>(parts_->program.maps().fd("dhcp"), interface_number, 1, 1);
    clear_array<pm_row_count>(parts_->program.rows(), 0, parts_->slots, parts_->cpus);
    clear_array<pm_drop_count>(parts_->program.maps().fd("drops"), first_drop, drop_count,
                               parts_->cpus);
    read(parts_->last);
}

void Kernel::age(std::uint32_t seconds, std::uint32_t ahead) {
    const std::int64_t jiffies = std::int64_t{seconds} * kernel_hz() - ahead;
    parts_->wait(seconds);
    for (const FlowTable &table : flow_tables)
        parts_->each<pm_flow_key, pm_flow>(table.name, [&](auto &map, const auto &key, auto &flow) {
            flow.last -= static_cast<std::uint32_t>(jiffies >> PM_STAMP_SHIFT);
            flow.start -= static_cast<std::uint32_t>(jiffies >> PM_STAMP_SHIFT);
            (void)map.put(key, flow);
        });
    parts_->each<pm_fragment_key, pm_fragment>(
        "fragments", [&](auto &map, const auto &key, auto &fragment) {
            fragment.seen -= static_cast<std::uint64_t>(jiffies);
            (void)map.put(key, fragment);
        });
    const auto make_due_earlier = [&](auto &map, const auto &key, std::uint64_t due) {
        if (due != 0)
            (void)map.put(key, due - std::min<std::uint64_t>(due, seconds * 1'000'000'000ULL));
    };
    parts_->each<pm_limit_key, std::uint64_t>("limits", make_due_earlier);
    auto row_limits =
        value(Map<std::uint32_t, std::uint64_t>::of(parts_->program.maps(), "row_limits"));
    for (std::uint32_t slot = 0; slot < parts_->slots; ++slot)
        make_due_earlier(row_limits, slot, value(row_limits.get(slot)));
    parts_->each<pm_neighbour_key, pm_neighbour>(
        "neighbours", [&](auto &map, const auto &key, auto &neighbour) {
            neighbour.asked -= static_cast<std::uint64_t>(jiffies);
            (void)map.put(key, neighbour);
        });
    auto clients = value(Map<std::uint32_t, pm_dhcp>::of(parts_->program.maps(), "dhcp"));
    pm_dhcp client = value(clients.get(interface_number));
    for (auto &asked : client.asked)
        if (asked) asked -= static_cast<std::uint64_t>(jiffies);
    (void)clients.put(interface_number, client);
}

void Kernel::forget_time() {
    for (std::uint32_t slot = 0; slot < PM_IMAGE_SLOTS; ++slot)
        reinterpret_cast<pm_image *>(parts_->slot_of(slot))->utc = 0;
}

std::vector<pm_flow> Kernel::flows() const {
    std::vector<pm_flow> all;
    for (const FlowTable &table : flow_tables)
        parts_->each<pm_flow_key, pm_flow>(table.name, [&](auto &, const auto &, const auto &flow) {
            if (!flow.moved) all.push_back(flow);
        });
    return all;
}

void Kernel::mark_moved() {
    for (const FlowTable &table : young_tables)
        parts_->each<pm_flow_key, pm_flow>(table.name, [&](auto &map, const auto &key, auto &flow) {
            flow.moved = 1;
            (void)map.put(key, flow);
        });
}

void Kernel::add_cut_entries() {
    auto assured = value(Map<pm_flow_key, pm_flow>::of(parts_->program.maps(), "assured"));
    for (const FlowTable &table : young_tables)
        parts_->each<pm_flow_key, pm_flow>(table.name, [&](auto &, const auto &key, auto &flow) {
            flow.opener = !flow.opener;
            flow.marks = PM_FLOW_CUT;
            flow.epoch = 0;
            (void)assured.put(key, flow);
        });
}

}  // namespace pm::test
