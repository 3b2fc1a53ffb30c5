// SPDX-License-Identifier: Apache-2.0
#include "loader/update/stored_candidate.h"

#include <fmt/core.h>

#include "loader/host/device.h"
#include "loader/update/rollout.h"
#include "policy/image/relocate.h"
#include "policy/language/read.h"

namespace pm {
namespace {

Result<Image> compile_anew(const Store &store, const Generation &generation,
                           const CompileOptions &options) {
    return stored_policy(store, generation.number)
        .and_then([&](const Policy &policy) -> Result<Image> {
            auto image = compile(policy, options);
            if (!image) return fault(image.error());
            image->header().generation = generation.number;
            image->header().applied_at = generation.applied_at;
            return std::move(*image);
        });
}

// The interfaces of the newest confirmed generation that can be read. If none can be read, all that
// can be filtered: one of them may have been.
std::vector<std::string> last_known_interfaces(const Store &store) {
    const std::vector<std::uint64_t> numbers = store.confirmed_numbers();
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number)
        if (auto generation = store.generation(*number)) return generation->interfaces;
    std::vector<std::string> names;
    for (const Device &one : all_devices())
        if (!one.loopback && one.ethernet) names.push_back(one.name);
    return names;
}

Policy failsafe_rows_of(Policy policy) {
    std::erase_if(policy.rows, [](const Row &row) { return row.section != Section::failsafe; });
    policy.block.clear();
    policy.expect.clear();
    return policy;
}

}  // namespace

Result<Policy> stored_policy(const Store &store, std::uint64_t number) {
    ReadResult read = read_policy(store.policy_path(number), {});
    if (!read.policy || read.diagnostics.has_errors())
        return fault(fmt::format("{} cannot be read", store.policy_path(number).string()));
    const std::vector<SetItem *> items = file_items(*read.policy);
    const auto about = store.generation(number);
    if (about && about->set_files.size() == items.size())
        for (std::size_t i = 0; i < items.size(); ++i) items[i]->file_path = about->set_files[i];
    return std::move(*read.policy);
}

Result<StoredCandidate> stored_candidate(const Store &store, const Generation &generation,
                                         const Rollout &rollout, Extent extent) {
    auto named = targets_named(rollout.pins(), generation.interfaces, extent);
    if (!named) return tl::unexpected(named.error());
    const CompileOptions options = rollout.compile_options(named->targets);
    std::vector<std::string> notes;
    auto image = store.image(generation);
    if (image) {
        auto relocated = relocate(*image, options);
        if (!relocated) image = fault(relocated.error());
    }
    if (!image) {
        notes.push_back(fmt::format("generation {} is compiled anew: {}", generation.number,
                                    image.error().message));
        image = compile_anew(store, generation, options);
    }
    if (!image) return tl::unexpected(image.error());
    return StoredCandidate{.candidate = {.image = std::move(*image),
                                         .targets = std::move(named->targets),
                                         .flow_capacity = generation.flow_capacity,
                                         .xdp = xdp_mode(generation.xdp),
                                         .extent = extent},
                           .not_attached = std::move(named->not_attached),
                           .notes = std::move(notes)};
}

Result<FailsafeCandidate> failsafe_candidate(const Store &store, const Rollout &rollout) {
    FailsafeCandidate result;
    Policy policy;
    const std::vector<std::uint64_t> numbers = store.confirmed_numbers();
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
        auto stored = stored_policy(store, *number);
        if (!stored) continue;
        policy = failsafe_rows_of(std::move(*stored));
        result.generation = *number;
        break;
    }
    policy.name = "failsafe-only";
    auto named =
        targets_named(rollout.pins(), last_known_interfaces(store), Extent::where_possible);
    if (!named) return tl::unexpected(named.error());
    auto image = compile(policy, rollout.compile_options(named->targets));
    if (!image) return fault(image.error());
    result.candidate = {.image = std::move(*image),
                        .targets = std::move(named->targets),
                        .flow_capacity = policy.flow_capacity,
                        .xdp = XdpMode::automatic,
                        .extent = Extent::where_possible};
    return result;
}

}  // namespace pm
