// SPDX-License-Identifier: Apache-2.0
// Lays the decided matrix out as maps/image.h says.
#include "policy/image/compile.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include <fmt/format.h>

#include "policy/image/catalog.h"
#include "policy/image/matrix.h"
#include "policy/image/relocate.h"
#include "policy/image/slots.h"
#include "policy/image/write_intervals.h"
#include "policy/image/writer.h"

namespace pm {
namespace {

constexpr std::size_t max_image = std::size_t{1} << 31;  // offsets have 32 bits

void set_zones(const Policy &policy, const CompileOptions &options, pm_image &header) {
    std::vector<std::string> zones;
    for (const InterfaceDef &one : policy.interfaces) zones.push_back(one.name);
    assign_zones(zones, options.interfaces.empty() ? zones : options.interfaces, header);
    for (const unsigned number : options.closed)
        header.zones[number] = static_cast<std::uint8_t>(closed_zone(zones.size()));
}

// By destination port: enum pm_gate_flag, which is what this port tells of the rows before anybody
// looks at the source port.
std::vector<std::uint8_t> gate_of(const std::vector<std::uint16_t> &classes, const Pairs &pairs,
                                  const std::vector<std::uint8_t> &flags) {
    std::vector<std::uint8_t> by_class(pairs.first.size() - 1), gate(classes.size());
    for (std::size_t class_ = 0; class_ < by_class.size(); ++class_) {
        unsigned all = PM_PAIR_IN | PM_PAIR_OUT, some = 0;
        for (std::uint32_t run = pairs.first[class_]; run < pairs.first[class_ + 1]; ++run) {
            all &= flags[pairs.pairs[run]];
            some |= flags[pairs.pairs[run]];
        }
        by_class[class_] = static_cast<std::uint8_t>(all | (some & ~all) << 2);
    }
    for (std::size_t port = 0; port < gate.size(); ++port) gate[port] = by_class[classes[port]];
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
    for (std::size_t i = 0; i < pairs.port_classes.size(); ++i) {
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

// Sets a bit for each listed address; all bits where a role lists a range, which may be too long
// to go through.
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

void write_cells(const std::vector<std::vector<CellRun>> &decisions, Writer &writer,
                 pm_image &header) {
    std::vector<std::uint32_t> first{0};
    std::vector<std::uint16_t> bounds, cells;
    for (const std::vector<CellRun> &runs : decisions) {
        for (const CellRun &run : runs) {
            bounds.push_back(run.first);
            cells.push_back(run.cell);
        }
        first.push_back(static_cast<std::uint32_t>(bounds.size()));
    }
    header.decision_first = writer.append(first);
    header.cell_bounds = writer.append(bounds);
    header.cells = writer.append(cells);
}

// Nothing is written where no row has a date, and the programs read no clock.
void write_dated(const std::vector<DatedCells> &lists, Writer &writer, pm_image &header) {
    if (lists.empty()) return;
    std::vector<std::uint32_t> first{0};
    std::vector<std::uint64_t> bounds;
    std::vector<std::uint16_t> cells;
    for (const DatedCells &list : lists) {
        for (const DatedCell &one : list) {
            bounds.push_back(one.from);
            cells.push_back(one.cell);
        }
        first.push_back(static_cast<std::uint32_t>(bounds.size()));
    }
    header.flags |= PM_IMAGE_DATES;
    header.dated_first = writer.append(first);
    header.dated_bounds = writer.append(bounds);
    header.dated_cells = writer.append(cells);
}

}  // namespace

tl::expected<Image, std::string> compile(const Policy &policy, const CompileOptions &options) {
    const std::size_t size_limit = std::min(options.size_limit, max_image);
    if (options.interfaces.size() > PM_INTERFACES)
        return tl::unexpected(fmt::format("there are {} interfaces; the limit is {}",
                                          options.interfaces.size(), PM_INTERFACES));
    if (!options.closed.empty() && *options.closed.rbegin() >= PM_INTERFACES)
        return tl::unexpected(fmt::format("interface number {} is to be closed; the highest is {}",
                                          *options.closed.rbegin(), PM_INTERFACES - 1));
    auto matrix = build_matrix(policy, size_limit,
                               options.closed.empty() ? ClosedZone::absent : ClosedZone::present);
    if (!matrix) return tl::unexpected(std::move(matrix.error()));
    std::vector<std::string> ids;
    for (const Row &row : policy.rows) ids.push_back(row.id);
    const auto slots = assign_slots(ids, options.slots, options.last_slot);
    if (!slots) return tl::unexpected(slots.error());

    pm_image header{};
    Writer writer(sizeof header);
    header.magic = PM_IMAGE_MAGIC;
    header.abi = PM_IMAGE_VERSION;
    if (policy.fragments_drop) header.flags |= PM_IMAGE_FRAGMENTS_DROP;
    if (policy.handed_over_ipv6) header.flags |= PM_IMAGE_HANDED_OVER_IPV6;
    set_zones(policy, options, header);
    set_own_filter(policy, header);
    header.zone_count = static_cast<std::uint32_t>(matrix->zones);
    write_pairs(matrix->pairs, policy, writer, header);
    header.local_flags = writer.append(matrix->local_flags);
    header.local_count = static_cast<std::uint32_t>(matrix->locals.classes());
    header.decisions = writer.append(matrix->decisions);
    write_cells(matrix->cells, writer, header);
    write_dated(matrix->dated, writer, header);
    header.locals = write_intervals(matrix->locals, writer);
    header.peers = write_intervals(matrix->peers, writer);
    write_catalog(policy, *slots, writer, header);

    if (writer.size() > size_limit)
        return tl::unexpected(fmt::format(
            "the compiled policy has {} bytes ({} rows, {} address ranges); the limit is {} bytes",
            writer.size(), policy.rows.size(), matrix->peers.v4.size() + matrix->peers.v6.size(),
            size_limit));
    header.size = static_cast<std::uint32_t>(writer.size());
    return Image{writer.finish(header)};
}

ImageView::ImageView(const std::vector<std::uint8_t> &bytes) {
    const std::size_t size = std::bit_ceil(std::max(bytes.size(), sizeof(pm_image)));
    data_.reserve(size);
    data_.assign(bytes.begin(), bytes.end());
    data_.resize(size);
}

}  // namespace pm
