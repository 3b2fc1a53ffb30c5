// SPDX-License-Identifier: Apache-2.0
#include "loader/update/test_packets.h"

#include <optional>
#include <utility>

#include "loader/base/lock.h"
#include "loader/kernel/probe.h"
#include "loader/update/rollout.h"
#include "policy/check/expect.h"
#include "policy/check/witness.h"
#include "policy/image/catalog.h"
#include "policy/image/locals.h"
#include "policy/judge/examples.h"

namespace pm {
namespace {

constexpr std::size_t rows_tried = 200;
constexpr std::size_t expected_tried = 2000;

// The number that an interface of the policy has on this host; none: it is not attached.
std::optional<unsigned> number_on_host(const Policy &policy, unsigned zone,
                                       const std::vector<Target> &targets) {
    const std::string &name = zone_name(policy, zone);
    for (const Target &one : targets)
        if (name.empty() || one.name == name) return one.number;
    return std::nullopt;
}

// Keeps `limit` of the list's items, evenly spread.
template <typename T>
void thin_out(std::vector<T> &list, std::size_t limit) {
    if (list.size() <= limit) return;
    for (std::size_t i = 0; i < limit; ++i) list[i] = list[i * list.size() / limit];
    list.resize(limit);
}

}  // namespace

std::vector<Question> test_packets(const Policy &policy, const Image &image,
                                   const std::vector<Target> &targets) {
    Diagnostics ignored;  // the policy met its expectations before it came here
    std::vector<Question> packets =
        check_expectations(policy, ImageView(image.bytes), ignored).questions;
    thin_out(packets, expected_tried);

    std::vector<const Row *> rows;
    for (const Row &row : policy.rows) rows.push_back(&row);
    thin_out(rows, rows_tried);
    for (const Row *row : rows) {
        auto packet = find_witness(policy, {row});
        if (!packet) continue;
        const auto number = number_on_host(policy, packet->interface, targets);
        if (!number) continue;
        packet->interface = *number;
        packets.push_back(*packet);
        const int beside = packet->to_port == UINT16_MAX ? -1 : 1;
        packet->to_port = static_cast<std::uint16_t>(packet->to_port + beside);
        packets.push_back(*packet);
        std::swap(packet->from, packet->to);
        packets.push_back(*packet);
    }
    return packets;
}

std::vector<Question> test_packets_of_image(const Rollout &rollout) {
    std::vector<Question> packets;
    const auto catalog = read_catalog(rollout.image());
    if (!catalog) return packets;
    for (const Target &one : rollout.targets()) {
        const std::vector<Question> more = example_questions(rollout.image(), *catalog, one.number);
        packets.insert(packets.end(), more.begin(), more.end());
    }
    return packets;
}

Done run_test_packets(const Paths &paths, const Rollout &rollout,
                      const std::vector<Question> &packets) {
    auto lock = Lock::probe(paths);
    if (!lock) return tl::unexpected(lock.error());
    return compare_with_probes(*rollout.pins(), rollout.prepared_slots(), packets);
}

}  // namespace pm
