// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/layout_takeover.h"

#include <bpf/bpf.h>
#include <fmt/core.h>

#include "loader/kernel/pins.h"

namespace pm {
namespace {

// The layout that a takeover which has begun is from.
std::optional<std::uint32_t> begun_from(const Paths &paths, std::uint32_t version) {
    const Fd fd(bpf_obj_get((Pins::layout_folder(paths, version) / "from").c_str()));
    const auto build = fd ? read_build(fd.get()) : Result<pm_build>(fault(""));
    return build ? std::optional(build->abi) : std::nullopt;
}

// Finishes a takeover to the layout that `abi` has, if one has begun. Was there one?
Result<bool> finish_begun(const Paths &paths, std::uint32_t version,
                          const std::vector<LayoutStep> &steps) {
    LayoutTarget target = {.version = version, .steps = {}};
    for (const LayoutStep &step : steps)
        if (step.to <= version) target.steps.push_back(step);
    LayoutTakeover takeover(paths, target);
    auto begun = takeover.has_begun();
    if (!begun || !*begun) return begun;
    return takeover.finish().map([] { return true; });
}

}  // namespace

Result<std::optional<std::uint32_t>> change_layout(const Paths &paths, const LayoutTarget &target) {
    std::optional<std::uint32_t> from;
    auto build = Pins::build(paths);
    if (!build) return tl::unexpected(build.error());
    if (!*build) return from;
    const std::uint32_t now = (*build)->abi;
    const auto begun = begun_from(paths, now);
    auto finished = finish_begun(paths, now, target.steps);
    if (!finished) return tl::unexpected(finished.error());
    if (*finished) from = begun.value_or(now);
    if (now == target.version) return from;
    LayoutTakeover takeover(paths, target);
    return takeover.begin(now).and_then([&] { return takeover.finish(); }).map([&] {
        return std::optional(from.value_or(now));
    });
}

bool is_of_older_layout(const Paths &paths) {
    const auto build = Pins::build(paths);
    return build && *build && ((*build)->abi < PM_ABI_VERSION || Pins::are_being_taken_over(paths));
}

Result<std::string> take_over_layout(const Paths &paths) {
    auto build = Pins::build(paths);
    if (!build) return tl::unexpected(build.error());
    const Layouts &layouts = known_layouts();
    if (!*build || (*build)->abi > PM_ABI_VERSION) return std::string();
    if ((*build)->abi < layouts.oldest)
        return fault(fmt::format("what is attached has layout {}; the oldest that this portmatrix "
                                 "can take over is {}",
                                 (*build)->abi, layouts.oldest),
                     "it goes on filtering; 'portmatrix detach --all --force' leaves this host "
                     "unfiltered until the next apply");
    const std::uint32_t before = begun_from(paths, (*build)->abi).value_or((*build)->abi);
    auto done = change_layout(paths, {.version = PM_ABI_VERSION, .steps = layouts.steps});
    if (done)
        return *done
                   ? fmt::format("what an older portmatrix had attached (layout {}) is taken over",
                                 **done)
                   : std::string();
    return fault(
        fmt::format("cannot take over what an older portmatrix has attached (layout {}): {}",
                    before, done.error().message),
        fmt::format("it goes on filtering; {}", done.error().hint.empty()
                                                    ? "try again: portmatrix restore"
                                                    : done.error().hint));
}

}  // namespace pm
