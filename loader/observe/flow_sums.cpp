// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/flow_sums.h"

#include <algorithm>
#include <tuple>

#include "policy/model/transports.h"

namespace pm {
namespace {

constexpr int v4_length = 24, v6_length = 64;

Prefix prefix_of(const Address &peer) {
    const Prefix wide = {peer, peer.is_v4() ? v4_length : v6_length};
    return {wide.range().first, wide.length};
}

// The port that the flow's opener has gone to.
std::uint16_t service_port(const pm_flow_key &key, const pm_flow &flow) {
    if (!has_ports(key.protocol)) return 0;
    return flow.opener == PM_IN ? key.local_port : key.remote_port;
}

FlowSum::Of sum_of(SumBy by, const pm_flow_key &key, const pm_flow &flow) {
    const Address peer = Address::from(key.remote);
    switch (by) {
        case SumBy::peer:
            break;
        case SumBy::prefix: {
            const Address first = prefix_of(peer).address;
            return {first.high, first.low};
        }
        case SumBy::port:
            return {key.protocol, service_port(key, flow)};
        case SumBy::row:
            return {0, flow.row};
    }
    return {peer.high, peer.low};
}

std::uint64_t in_and_out(const std::uint64_t counts[2]) {
    return counts[PM_IN] + counts[PM_OUT];
}

double measure(const FlowSum &sum, FlowSums::Order order) {
    switch (order) {
        case FlowSums::Order::packets:
            return static_cast<double>(in_and_out(sum.packets));
        case FlowSums::Order::flows:
            return static_cast<double>(sum.flows);
        case FlowSums::Order::rate:
            return sum.rate.bytes;
        case FlowSums::Order::bytes:
            break;
    }
    return static_cast<double>(in_and_out(sum.bytes));
}

}  // namespace

std::size_t FlowSums::Hash::operator()(const FlowSum::Of &of) const {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    const std::uint64_t mixed = (of.high * odd ^ of.low) * odd;
    return static_cast<std::size_t>(mixed ^ mixed >> 32);
}

void FlowSums::add(const pm_flow_key &key, const pm_flow &flow, const FlowRate &rate) {
    const FlowSum::Of of = sum_of(by_, key, flow);
    FlowSum &sum = sums_[of];
    sum.of = of;
    sum.flows++;
    for (const pm_direction direction : {PM_IN, PM_OUT}) {
        sum.packets[direction] += flow.packets[direction];
        sum.bytes[direction] += flow.bytes[direction];
    }
    sum.rate.packets += rate.packets;
    sum.rate.bytes += rate.bytes;
}

std::vector<FlowSum> FlowSums::largest(Order order, std::size_t limit) const {
    std::vector<FlowSum> all;
    all.reserve(sums_.size());
    for (const auto &[of, sum] : sums_) all.push_back(sum);
    std::ranges::sort(all, [order](const FlowSum &a, const FlowSum &b) {
        return std::tuple(-measure(a, order), a.of.high, a.of.low) <
               std::tuple(-measure(b, order), b.of.high, b.of.low);
    });
    if (limit != 0 && all.size() > limit) all.resize(limit);
    return all;
}

FlowSumName name_of(SumBy by, const FlowSum &sum, const FlowReader &reader) {
    const Address address = {sum.of.high, sum.of.low};
    switch (by) {
        case SumBy::peer:
            break;
        case SumBy::prefix:
            return {to_string(prefix_of(address)), {}};
        case SumBy::port: {
            const auto transport = static_cast<std::uint8_t>(sum.of.high);
            return {has_ports(transport) ? std::to_string(sum.of.low) : "",
                    transport_name(transport)};
        }
        case SumBy::row:
            return {reader.row(static_cast<std::uint16_t>(sum.of.low)), {}};
    }
    return {to_string(address), {}};
}

}  // namespace pm
