// SPDX-License-Identifier: Apache-2.0
// Two sweeps: over the destination ports of a protocol's rows, which gives classes of ports, and
// within each class over the source ports. Packets with port 0 are dropped as malformed. So a
// range from port 1 may as well start at 0, where it needs no bound.
#include "policy/image/pairs.h"

#include <algorithm>
#include <compare>
#include <unordered_map>

#include <fmt/format.h>

#include "maps/image.h"
#include "policy/image/intervals.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

// Row numbers in all distinct lists: bounds memory to 64 MB and the time with it.
constexpr std::size_t max_listed = std::size_t{1} << 25;
constexpr std::uint32_t ports_end = 65536;

struct Bound {
    std::uint32_t port;
    std::uint16_t row;
    bool enters;

    auto operator<=>(const Bound &) const = default;
};

void add_bounds(const Ports &ports, std::uint16_t row, std::vector<Bound> &bounds) {
    for (const PortRange &range : ports) {
        bounds.push_back({range.first == 1 ? 0U : range.first, row, true});
        bounds.push_back({range.last + 1U, row, false});
    }
}

// Calls visit(first port, rows) for each stretch of ports that the same rows have; the first
// starts at 0.
template <typename Visit>
void sweep(std::vector<Bound> bounds, Visit visit) {
    std::ranges::sort(bounds);
    RowNumbers active;
    std::uint32_t port = 0;
    for (auto bound = bounds.begin();;) {
        for (; bound != bounds.end() && bound->port == port; ++bound) {
            auto at = std::ranges::lower_bound(active, bound->row);
            if (bound->enters)
                active.insert(at, bound->row);
            else
                active.erase(at);
        }
        if (port < ports_end) visit(port, active);
        if (bound == bounds.end()) return;
        port = bound->port;
    }
}

// Numbers lists of rows in the order of their first occurrence; the empty list is 0.
class Numbering {
public:
    Numbering() { number({}); }

    std::uint32_t number(const RowNumbers &rows) {
        auto [entry, is_new] = numbers_.try_emplace(rows, static_cast<std::uint32_t>(size()));
        if (is_new) {
            lists.push_back(&entry->first);
            listed_ += rows.size();
        }
        return entry->second;
    }
    std::size_t size() const { return numbers_.size(); }
    bool too_many() const { return size() > max_pairs || listed_ > max_listed; }

    std::vector<const RowNumbers *> lists;  // by number

private:
    std::unordered_map<RowNumbers, std::uint32_t, BytesHash> numbers_;
    std::size_t listed_ = 0;
};

class Builder {
public:
    explicit Builder(const Policy &policy) : policy_(policy) {}

    tl::expected<Pairs, std::string> build();

private:
    bool index_ports(std::size_t transport_index, std::uint8_t transport);
    bool index_sources();
    void index_protocols();
    std::string too_many() const;

    const Policy &policy_;
    RowNumbers live_;
    Numbering classes_, pairs_;
    Pairs out_;
};

bool Builder::index_ports(std::size_t transport_index, std::uint8_t transport) {
    std::vector<Bound> bounds;
    std::vector<std::uint16_t> &classes = out_.port_classes[transport_index];
    std::uint32_t filled = 0;
    std::uint16_t class_ = 0;

    for (std::uint16_t row : live_)
        if (has_transport(policy_.rows[row], transport))
            add_bounds(policy_.rows[row].port, row, bounds);
    classes.resize(ports_end);
    sweep(std::move(bounds), [&](std::uint32_t port, const RowNumbers &rows) {
        if (classes_.too_many()) return;
        std::fill(classes.begin() + filled, classes.begin() + port, class_);
        class_ = static_cast<std::uint16_t>(classes_.number(rows));
        filled = port;
    });
    std::fill(classes.begin() + filled, classes.end(), class_);
    return !classes_.too_many();
}

bool Builder::index_sources() {
    out_.first.push_back(0);
    for (const RowNumbers *rows : classes_.lists) {
        std::vector<Bound> bounds;
        for (std::uint16_t row : *rows) add_bounds(policy_.rows[row].source_port, row, bounds);
        sweep(std::move(bounds), [&](std::uint32_t port, const RowNumbers &with_source) {
            if (pairs_.too_many()) return;
            out_.bounds.push_back(static_cast<std::uint16_t>(port));
            out_.pairs.push_back(static_cast<std::uint16_t>(pairs_.number(with_source)));
        });
        out_.first.push_back(static_cast<std::uint32_t>(out_.bounds.size()));
    }
    return !pairs_.too_many();
}

void Builder::index_protocols() {
    std::array<RowNumbers, 256> rows;
    for (std::uint16_t row : live_)
        for (std::uint8_t transport : policy_.rows[row].transports)
            if (rows[transport].empty() || rows[transport].back() != row)
                rows[transport].push_back(row);
    for (std::size_t transport = 0; transport < rows.size(); ++transport)
        out_.protocols[transport] = static_cast<std::uint16_t>(pairs_.number(rows[transport]));
}

std::string Builder::too_many() const {
    return fmt::format(
        "the ports of the policy's {} rows overlap in too many ways; the limit is {} different "
        "combinations of rows, with {} rows in all of them together",
        policy_.rows.size(), max_pairs, max_listed);
}

tl::expected<Pairs, std::string> Builder::build() {
    for (std::size_t row = 0; row < policy_.rows.size(); ++row)
        if (!is_switched_off(policy_, policy_.rows[row]))
            live_.push_back(static_cast<std::uint16_t>(row));
    if (!index_ports(0, PM_PROTO_TCP) || !index_ports(1, PM_PROTO_UDP) || !index_sources())
        return tl::unexpected(too_many());
    index_protocols();
    if (pairs_.too_many()) return tl::unexpected(too_many());

    out_.families.assign(pairs_.size(), 0);
    for (std::uint16_t pair : out_.pairs) out_.families[pair] = both_families;
    // A packet of tcp or udp has ports, so no packet is credited by the pair of those without.
    for (std::size_t protocol = 0; protocol < out_.protocols.size(); ++protocol)
        if (!has_ports(static_cast<std::uint8_t>(protocol)))
            out_.families[out_.protocols[protocol]] |= protocol == PM_PROTO_ICMP ? family_v4
                                                       : protocol == PM_PROTO_ICMPV6
                                                           ? family_v6
                                                           : both_families;
    for (const RowNumbers *rows : pairs_.lists) out_.rows.push_back(*rows);
    return std::move(out_);
}

}  // namespace

tl::expected<Pairs, std::string> find_pairs(const Policy &policy) {
    return Builder(policy).build();
}

}  // namespace pm
