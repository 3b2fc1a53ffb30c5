// SPDX-License-Identifier: Apache-2.0
#include "loader/update/stored_candidate.h"

#include <algorithm>

#include <fmt/core.h>

#include "loader/attach/targets.h"
#include "loader/state/policy_source.h"
#include "policy/image/compile.h"
#include "policy/image/relocate.h"
#include "policy/language/read.h"

namespace pm {
namespace {

// With the content that its set files had then, under their own names: an apply without a policy
// reads these again.
Result<Policy> stored_policy(const Store &store, std::uint64_t number) {
    ReadResult read = read_policy(store.policy_path(number), {});
    if (!read.policy || read.diagnostics.has_errors())
        return fault(fmt::format("{} cannot be read", store.policy_path(number).string()));
    const std::vector<SetItem *> items = file_items(*read.policy);
    const auto about = store.generation(number);
    if (about && about->set_files.size() == items.size())
        for (std::size_t i = 0; i < items.size(); i++) items[i]->file_path = about->set_files[i];
    return std::move(*read.policy);
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
    const auto numbers = store.confirmed_numbers();
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number)
        if (auto generation = store.generation(*number)) return generation->interfaces;
    std::vector<std::string> names;
    for (const Interface &one : all_interfaces())
        if (!one.loopback && one.ethernet) names.push_back(one.name);
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
                         std::vector<std::string> &notes, std::vector<std::string> *unfit) {
    auto targets = targets_named(rollout.pins(), generation.interfaces, unfit);
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
                     xdp_mode(generation.xdp), unfit != nullptr};
}

Result<Remainder> remainder(const Store &store, const Rollout &rollout) {
    Remainder result;
    Policy policy;
    const auto numbers = store.confirmed_numbers();
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
        auto stored = stored_policy(store, *number);
        if (!stored) continue;
        policy = only_failsafe(std::move(*stored));
        result.generation = *number;
        break;
    }
    policy.name = "failsafe-only";
    std::vector<std::string> unfit;
    auto targets = targets_named(rollout.pins(), interfaces_of(store), &unfit);
    if (!targets) return tl::unexpected(targets.error());
    auto image = compile(policy, rollout.placement(*targets));
    if (!image) return fault(image.error());
    result.candidate = {std::move(*image), std::move(*targets), policy.flow_capacity,
                        XdpMode::automatic, true};
    return result;
}

}  // namespace pm
