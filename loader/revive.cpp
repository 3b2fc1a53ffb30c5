// SPDX-License-Identifier: Apache-2.0
#include "loader/revive.h"

#include <algorithm>

#include <fmt/core.h>

#include "loader/source.h"
#include "policy/read.h"
#include "policy/relocate.h"

namespace pm {
namespace {

Result<Policy> stored_policy(const Store &store, std::uint64_t number) {
    ReadResult read = read_policy(store.policy_path(number), {});
    if (read.policy && !read.diagnostics.has_errors()) return std::move(*read.policy);
    return fault(fmt::format("{} cannot be read", store.policy_path(number).string()));
}

XdpMode xdp_of(const std::string &name) {
    if (name == "generic") return XdpMode::generic;
    return name == "native" ? XdpMode::native : XdpMode::automatic;
}

Result<Image> compile_anew(const Store &store, const Generation &generation,
                           const CompileOptions &placement) {
    return stored_policy(store, generation.number)
        .and_then([&](const Policy &policy) -> Result<Image> {
            auto image = compile(policy, placement);
            if (!image) return fault(image.error());
            image->header().generation = generation.number;
            image->header().applied_at = generation.applied_at;
            return std::move(*image);
        });
}

// Whatever interfaces a firewall that lost its memory may have been on.
std::vector<std::string> interfaces_of(const Store &store) {
    const auto numbers = store.numbers();
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number)
        if (auto generation = store.generation(*number)) return generation->interfaces;
    std::vector<std::string> names;
    for (const Interface &one : all_interfaces())
        if (!one.loopback) names.push_back(one.name);
    return names;
}

Policy only_failsafe(Policy policy) {
    std::erase_if(policy.rows, [](const Row &row) { return row.section != Section::failsafe; });
    policy.block.clear();
    policy.expect.clear();
    return policy;
}

}  // namespace

Result<Candidate> revive(const Store &store, const Generation &generation, const Rollout &rollout,
                         std::vector<std::string> &notes) {
    auto targets = targets_named(rollout.pins(), generation.interfaces);
    if (!targets) return tl::unexpected(targets.error());
    const CompileOptions placement = rollout.placement(*targets);
    auto image = store.image(generation);
    if (image) {
        auto placed = relocate(*image, placement);
        if (!placed) image = fault(placed.error());
    }
    if (!image) {
        notes.push_back(fmt::format("generation {} is compiled anew: {}", generation.number,
                                    image.error().message));
        image = compile_anew(store, generation, placement);
    }
    if (!image) return tl::unexpected(image.error());
    return Candidate{std::move(*image), std::move(*targets), generation.flow_capacity,
                     xdp_of(generation.xdp)};
}

Result<Remainder> remainder(const Store &store, const Rollout &rollout) {
    Remainder result;
    Policy policy;
    const auto numbers = store.numbers();
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
        auto stored = stored_policy(store, *number);
        if (!stored) continue;
        policy = only_failsafe(std::move(*stored));
        result.generation = *number;
        break;
    }
    policy.name = "failsafe-only";
    auto targets = targets_named(rollout.pins(), interfaces_of(store));
    if (!targets) return tl::unexpected(targets.error());
    auto image = compile(policy, rollout.placement(*targets));
    if (!image) return fault(image.error());
    result.candidate = {std::move(*image), std::move(*targets), policy.flow_capacity};
    return result;
}

}  // namespace pm
