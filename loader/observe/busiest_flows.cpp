// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/busiest_flows.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

namespace pm {
namespace {

std::uint64_t hash_of(const pm_flow_key &key) {
    return std::hash<std::string_view>()(
        {reinterpret_cast<const char *>(&key), sizeof(pm_flow_key)});
}

bool is_busier(const BusiestFlows::Busy &one, const BusiestFlows::Busy &other) {
    return one.bytes > other.bytes;
}

}  // namespace

void BusiestFlows::begin_walk(double seconds) {
    elapsed_ = walked_ ? seconds - time_ : 0;
    time_ = seconds;
    now_.clear();
    found_.clear();
}

const BusiestFlows::Count *BusiestFlows::last_count(std::uint64_t flow) const {
    const auto found = std::ranges::lower_bound(last_, flow, {}, &Count::flow);
    return found != last_.end() && found->flow == flow ? &*found : nullptr;
}

FlowRate BusiestFlows::add(const pm_flow_key &key, const pm_flow &value, std::uint64_t age) {
    const Count count = {.flow = hash_of(key),
                         .packets = value.packets[PM_IN] + value.packets[PM_OUT],
                         .bytes = value.bytes[PM_IN] + value.bytes[PM_OUT]};
    now_.push_back(count);
    const Count *last = last_count(count.flow);
    // A flow that is new, or that got a new entry since the last walk, has no counts to compare
    // with.
    const bool continues = last && last->packets <= count.packets && last->bytes <= count.bytes;
    const auto lived = std::max(1.0, static_cast<double>(age));
    const double seconds = continues      ? std::max(elapsed_, 0.001)
                           : elapsed_ > 0 ? std::min(lived, elapsed_)
                                          : lived;
    const std::uint64_t packets = count.packets - (continues ? last->packets : 0);
    const std::uint64_t bytes = count.bytes - (continues ? last->bytes : 0);
    const FlowRate rate = {.packets = static_cast<double>(packets) / seconds,
                           .bytes = static_cast<double>(bytes) / seconds};
    found_.push_back({.key = key, .value = value, .packets = rate.packets, .bytes = rate.bytes});
    std::ranges::push_heap(found_, is_busier);  // the idlest is at the front
    if (found_.size() <= most_) return rate;
    std::ranges::pop_heap(found_, is_busier);
    found_.pop_back();
    return rate;
}

void BusiestFlows::end_walk() {
    std::ranges::sort(now_, {}, &Count::flow);
    std::ranges::sort(found_, is_busier);
    std::swap(last_, now_);
    std::swap(busiest_, found_);
    walked_ = true;
}

}  // namespace pm
