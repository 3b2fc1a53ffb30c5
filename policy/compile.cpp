// SPDX-License-Identifier: Apache-2.0
// The image: the decided matrix, laid out as maps/image.h says.
#include "policy/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "policy/catalog.h"
#include "policy/services.h"
#include "policy/writer.h"

namespace pm {

namespace {

constexpr std::size_t max_image = std::size_t{1} << 31;  // offsets have 32 bits

// The slot of each row: its own if it has one, else the next free one. Slots of ids that are
// gone count as taken, since the policy in force still counts in them.
tl::expected<std::vector<std::uint16_t>, std::string> assign_slots(const Policy &policy,
                                                                   const CompileOptions &options) {
    std::vector<bool> taken(PM_ROW_SLOTS), kept(PM_ROW_SLOTS);
    std::vector<std::uint16_t> slots(policy.rows.size());
    auto is_valid = [](std::uint16_t slot) {
        return slot >= PM_FIRST_ROW_SLOT && slot < PM_ROW_SLOTS;
    };

    for (const auto &[id, slot] : options.slots)
        if (is_valid(slot)) taken[slot] = true;
    for (std::size_t i = 0; i < slots.size(); i++) {
        auto known = options.slots.find(policy.rows[i].id);
        if (known == options.slots.end() || !is_valid(known->second) || kept[known->second])
            continue;
        slots[i] = known->second;
        kept[known->second] = true;
    }
    const std::size_t wanted = std::count(slots.begin(), slots.end(), 0);
    const std::size_t in_use = std::count(taken.begin(), taken.end(), true);
    if (in_use + wanted > PM_ROW_SLOTS - PM_FIRST_ROW_SLOT)
        return tl::unexpected(fmt::format(
            "{} new rows beside {} that are still counted need {} counters; the limit is {}",
            wanted, in_use, in_use + wanted, PM_ROW_SLOTS - PM_FIRST_ROW_SLOT));
    std::uint16_t next = options.last_slot;
    for (std::uint16_t &slot : slots) {
        if (slot) continue;
        do {
            next = is_valid(static_cast<std::uint16_t>(next + 1))
                       ? static_cast<std::uint16_t>(next + 1)
                       : std::uint16_t{PM_FIRST_ROW_SLOT};
        } while (taken[next]);
        slot = next;
        taken[next] = true;
    }
    return slots;
}

void set_zones(const Policy &policy, const std::vector<std::string> &names, pm_image &header) {
    if (policy.interfaces.empty()) return;  // all numbers: zone 0
    std::fill(std::begin(header.zones), std::end(header.zones), PM_NO_ZONE);
    for (std::size_t zone = 0; zone < policy.interfaces.size(); zone++) {
        if (names.empty()) header.zones[zone] = static_cast<std::uint8_t>(zone);
        for (std::size_t number = 0; number < names.size(); number++)
            if (names[number] == policy.interfaces[zone].name)
                header.zones[number] = static_cast<std::uint8_t>(zone);
    }
}

// By destination port: what it tells of the rows that have it, without the source port.
std::vector<std::uint8_t> gate_of(const std::vector<std::uint16_t> &classes, const Pairs &pairs,
                                  const std::vector<std::uint8_t> &flags) {
    std::vector<std::uint8_t> by_class(pairs.first.size() - 1), gate(classes.size());
    for (std::size_t class_ = 0; class_ < by_class.size(); class_++) {
        unsigned all = PM_PAIR_IN | PM_PAIR_OUT, some = 0;
        for (std::uint32_t run = pairs.first[class_]; run < pairs.first[class_ + 1]; run++) {
            all &= flags[pairs.pairs[run]];
            some |= flags[pairs.pairs[run]];
        }
        by_class[class_] = static_cast<std::uint8_t>(all | (some & ~all) << 2);
    }
    for (std::size_t port = 0; port < gate.size(); port++) gate[port] = by_class[classes[port]];
    return gate;
}

void write_pairs(const Pairs &pairs, const Policy &policy, Writer &writer, pm_image &header) {
    std::vector<std::uint8_t> flags;
    for (const RowNumbers &rows : pairs.rows) {
        unsigned flag = 0;
        for (std::uint16_t row : rows)
            flag |= policy.rows[row].direction == Direction::in ? PM_PAIR_IN : PM_PAIR_OUT;
        flags.push_back(static_cast<std::uint8_t>(flag));
    }
    for (std::size_t i = 0; i < pairs.port_classes.size(); i++) {
        header.gates[i] = writer.append(gate_of(pairs.port_classes[i], pairs, flags));
        header.port_classes[i] = writer.append(pairs.port_classes[i]);
    }
    header.port_first = writer.append(pairs.first);
    header.port_bounds = writer.append(pairs.bounds);
    header.port_pairs = writer.append(pairs.pairs);
    header.protocols = writer.append(pairs.protocols.data(), sizeof pairs.protocols);
    header.pairs = writer.append(flags);
    header.pair_count = static_cast<std::uint32_t>(pairs.count());
}

// A bit for each listed address; all of them where a role lists more than addresses.
void set_own_filter(const Policy &policy, pm_image &header) {
    for (const auto &[name, role] : policy.roles) {
        for (const Range &range : role.addresses.ranges()) {
            if (range.first != range.last) {
                std::fill(std::begin(header.own_filter), std::end(header.own_filter),
                          ~std::uint64_t{0});
                return;
            }
            const pm_addr address = range.first.abi();
            const std::uint32_t bit = pm_own_bit(&address);
            header.own_filter[bit >> 6] |= std::uint64_t{1} << (bit & 63);
        }
    }
}

void write_cells(const std::vector<std::vector<CellRun>> &services, Writer &writer,
                 pm_image &header) {
    std::vector<std::uint32_t> first{0};
    std::vector<std::uint16_t> bounds, cells;
    for (const std::vector<CellRun> &runs : services) {
        for (const CellRun &run : runs) {
            bounds.push_back(run.first);
            cells.push_back(run.cell);
        }
        first.push_back(static_cast<std::uint32_t>(bounds.size()));
    }
    header.service_first = writer.append(first);
    header.cell_bounds = writer.append(bounds);
    header.cells = writer.append(cells);
}

}  // namespace

tl::expected<Image, std::string> compile(const Policy &policy, const CompileOptions &options) {
    const std::size_t size_limit = std::min(options.size_limit, max_image);
    if (options.interfaces.size() > PM_INTERFACES)
        return tl::unexpected(fmt::format("there are {} interfaces; the limit is {}",
                                          options.interfaces.size(), PM_INTERFACES));
    auto matrix = build_matrix(policy, size_limit);
    if (!matrix) return tl::unexpected(std::move(matrix.error()));
    const auto slots = assign_slots(policy, options);
    if (!slots) return tl::unexpected(slots.error());

    pm_image header{};
    Writer writer(sizeof header);
    header.magic = PM_IMAGE_MAGIC;
    header.abi = PM_ABI_VERSION;
    header.flags = policy.fragments_drop ? PM_IMAGE_FRAGMENTS_DROP : 0;
    set_zones(policy, options.interfaces, header);
    set_own_filter(policy, header);
    header.zone_count = static_cast<std::uint32_t>(matrix->zones);
    write_pairs(matrix->pairs, policy, writer, header);
    header.local_flags = writer.append(matrix->local_flags);
    header.local_count = static_cast<std::uint32_t>(matrix->locals.classes());
    header.services = writer.append(matrix->services);
    write_cells(matrix->cells, writer, header);
    header.locals = write_places(matrix->locals, writer);
    header.peers = write_places(matrix->peers, writer);
    write_catalog(policy, *slots, writer, header);

    if (writer.size() > size_limit)
        return tl::unexpected(fmt::format(
            "the compiled policy has {} bytes ({} rows, {} address ranges); the limit is {} bytes",
            writer.size(), policy.rows.size(), matrix->peers.v4.size() + matrix->peers.v6.size(),
            size_limit));
    header.size = static_cast<std::uint32_t>(writer.size());
    return Image{writer.finish(header)};
}

ImageView::ImageView(const std::vector<std::uint8_t> &bytes)
    : data_(std::bit_ceil(std::max(bytes.size(), sizeof(pm_image)))) {
    std::copy(bytes.begin(), bytes.end(), data_.begin());
}

}  // namespace pm
