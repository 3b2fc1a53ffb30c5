// SPDX-License-Identifier: Apache-2.0
#include "loader/update/stored_candidate.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "loader/host/device.h"
#include "loader/state/set_files.h"
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

// All that can be filtered, if no generation can be read: one of them may have been.
Result<KnownNics> all_that_can_be_filtered() {
    auto devices = all_devices();
    if (!devices) return tl::unexpected(devices.error());
    KnownNics known;
    for (const Device &one : *devices)
        if (!one.loopback && one.ethernet) known.interfaces.push_back(one.name);
    return known;
}

std::vector<Target> in_order(const std::vector<std::string> &names,
                             const std::vector<Target> &targets) {
    std::vector<Target> result;
    for (const std::string &name : names)
        for (const Target &one : targets)
            if (one.name == name) result.push_back(one);
    return result;
}

Policy failsafe_rows_of(Policy policy) {
    std::erase_if(policy.rows, [](const Row &row) { return row.section != Section::failsafe; });
    policy.block.clear();
    policy.expect.clear();
    return policy;
}

}  // namespace

void name_set_files_as_read(const Store &store, std::uint64_t number, Policy &policy) {
    const std::vector<SetItem *> items = file_items(policy);
    const auto about = store.any_generation(number);
    if (about && about->set_files.size() == items.size())
        for (std::size_t i = 0; i < items.size(); ++i) items[i]->file_path = about->set_files[i];
}

Result<Policy> stored_policy(const Store &store, std::uint64_t number) {
    ReadResult read = read_policy(store.policy_path(number), {});
    if (!read.policy || read.diagnostics.has_errors())
        return fault(fmt::format("{} cannot be read", store.policy_path(number).string()));
    name_set_files_as_read(store, number, *read.policy);
    return std::move(*read.policy);
}

KnownNics known_nics(const Generation &generation, std::vector<std::string> detached) {
    return {.interfaces = generation.interfaces,
            .nics = generation.nics,
            .others = generation.others,
            .detached = std::move(detached)};
}

Result<Generation> generation_known(const Store &store, std::uint64_t number) {
    if (number != 0) return store.any_generation(number);
    const auto numbers = store.confirmed_numbers();
    if (!numbers) return tl::unexpected(numbers.error());
    for (auto one = numbers->rbegin(); one != numbers->rend(); ++one)
        if (auto generation = store.generation(*one)) return generation;
    return fault("no stored generation can be read");
}

// If it cannot be stored now, the next look tries again.
void remember_nics(const Store &store, const Generation &generation,
                   const std::vector<Target> &targets) {
    if (!generation.nics.empty() || !store.generation(generation.number)) return;
    for (const std::string &name : generation.interfaces) {
        const auto found = std::ranges::find(targets, name, &Target::name);
        if (found == targets.end() || !found->device || !found->closed.empty()) return;
    }
    auto facts = nic_facts(in_order(generation.interfaces, targets), {});
    if (!facts) return;
    Generation known = generation;
    known.nics = std::move(facts->nics);
    known.others = std::move(facts->others);
    (void)store.save_about(known);
}

Result<StoredCandidate> stored_candidate(const Store &store, const Generation &generation,
                                         KnownTargets targets, const Rollout &rollout,
                                         Extent extent) {
    const CompileOptions options = rollout.compile_options(targets.targets);
    std::vector<std::string> notes = std::move(targets.notes);
    auto image = store.image(generation);
    if (image && options.closed.empty()) {
        auto relocated = relocate(*image, options);
        if (!relocated) image = fault(relocated.error());
    }
    if (!image)
        notes.push_back(fmt::format("generation {} is compiled anew: {}", generation.number,
                                    image.error().message));
    if (!image || !options.closed.empty()) image = compile_anew(store, generation, options);
    if (!image) return tl::unexpected(image.error());
    return StoredCandidate{.candidate = {.image = std::move(*image),
                                         .targets = std::move(targets.targets),
                                         .without_number = std::move(targets.without_number),
                                         .closes = generation.mode == PM_MODE_ENFORCE,
                                         .flow_capacity = generation.flow_capacity,
                                         .xdp = xdp_mode(generation.xdp),
                                         .extent = extent},
                           .not_attached = std::move(targets.not_attached),
                           .notes = std::move(notes)};
}

Result<FailsafeCandidate> failsafe_candidate(const Store &store, const Rollout &rollout,
                                             const std::vector<std::string> &detached) {
    FailsafeCandidate result;
    Policy policy;
    // What cannot be listed is no reason to leave the host open: it is as if none could be read.
    const auto numbers = store.confirmed_numbers().value_or(std::vector<std::uint64_t>());
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
        auto stored = stored_policy(store, *number);
        if (!stored) continue;
        policy = failsafe_rows_of(std::move(*stored));
        result.generation = *number;
        break;
    }
    policy.name = "failsafe-only";
    const auto generation = generation_known(store, 0);
    auto known =
        generation ? Result<KnownNics>(known_nics(*generation)) : all_that_can_be_filtered();
    if (!known) return tl::unexpected(known.error());
    known->detached = detached;
    auto targets = known_targets(rollout.pins(), *known, Extent::where_possible);
    if (!targets) return tl::unexpected(targets.error());
    auto image = compile(policy, rollout.compile_options(targets->targets));
    if (!image) return fault(image.error());
    result.candidate = {.image = std::move(*image),
                        .targets = std::move(targets->targets),
                        .without_number = std::move(targets->without_number),
                        .flow_capacity = policy.flow_capacity,
                        .xdp = XdpMode::automatic,
                        .extent = Extent::where_possible};
    return result;
}

}  // namespace pm
