// SPDX-License-Identifier: Apache-2.0
#include "loader/update/apply.h"

#include <algorithm>

#include <fmt/core.h>

#include "loader/attach/targets.h"
#include "loader/base/clock.h"
#include "loader/update/confirm.h"
#include "loader/update/reconcile.h"
#include "loader/update/rollout.h"
#include "loader/update/test_packets.h"
#include "policy/image/catalog.h"
#include "policy/image/compile.h"
#include "policy/judge/question.h"

namespace pm {
namespace {

bool holds(const std::vector<Target> &targets, const Pins::Interface &interface) {
    return std::any_of(targets.begin(), targets.end(),
                       [&](const Target &one) { return one.number == interface.number; });
}

// One apply, in its order: what can fail without a trace first, the switch last.
class Work {
public:
    Work(const Paths &paths, const Policy &policy, const ApplyRequest &request)
        : policy_(policy), request_(request), rollout_(paths) {}

    Done open(const Paths &paths);
    Done plan();   // interfaces and image; the kernel is not touched
    Done build();  // everything but the switch, and the tests of it
    Done keep();   // on disk
    Result<Applied> switch_over();

private:
    void take_over_wishes();
    Done check_xdp(const std::vector<Target> &targets) const;

    const Policy &policy_;
    const ApplyRequest &request_;
    Rollout rollout_;
    std::optional<Store> store_;
    Candidate candidate_;
    Generation generation_;
    std::optional<Confirmed> before_;  // what boot would have put in force
};

Done Work::open(const Paths &paths) {
    auto opened = rollout_.open();
    if (!opened) return opened;
    if (rollout_.before().seconds_left)
        return fault(
            fmt::format("generation {} waits to be confirmed, for {} s more",
                        rollout_.before().catalog.generation, *rollout_.before().seconds_left),
            "keep it with 'portmatrix confirm', or end it with 'portmatrix rollback'",
            Exit::refused);
    auto store = Store::open(paths);
    if (!store) return tl::unexpected(store.error());
    store_ = std::move(*store);
    return reconcile(*store_, rollout_.before());
}

// What is asked for stays so until something else is: not what a deadline fell back to, nor what a
// driver could.
void Work::take_over_wishes() {
    auto kept = store_->kept(rollout_.before().catalog.generation);
    generation_.mode = request_.mode ? *request_.mode : kept ? kept->mode : rollout_.before().mode;
    if (generation_.mode == PM_MODE_OFF) generation_.mode = PM_MODE_ENFORCE;
    candidate_.xdp = request_.xdp ? *request_.xdp : kept ? xdp_mode(kept->xdp) : XdpMode::automatic;
    generation_.xdp = xdp_name(candidate_.xdp);
}

// A link keeps its mode: another needs a moment without one.
Done Work::check_xdp(const std::vector<Target> &targets) const {
    if (!request_.xdp || *request_.xdp == XdpMode::automatic || !rollout_.pins()) return {};
    auto attached = rollout_.pins()->interfaces();
    if (!attached) return tl::unexpected(attached.error());
    const auto kind = *request_.xdp == XdpMode::generic ? PM_XDP_GENERIC : PM_XDP_NATIVE;
    for (const Pins::Interface &one : *attached)
        if (one.entry.ingress != PM_DETACHED && one.entry.ingress != kind && holds(targets, one))
            return fault(
                fmt::format("{} is attached with {} XDP", one.name(),
                            one.entry.ingress == PM_XDP_GENERIC ? "generic" : "native"),
                fmt::format("it is unfiltered for a moment if you detach it first: portmatrix "
                            "detach -i {}",
                            one.name()),
                Exit::usage);
    return {};
}

Done Work::plan() {
    if (request_.shadow && (!rollout_.pins() || rollout_.before().mode == PM_MODE_OFF))
        return fault("no policy is in force that another could be judged beside",
                     "apply one first: a shadow drops nothing by itself", Exit::usage);
    auto targets = choose_targets(rollout_.pins(), policy_, request_.interfaces);
    if (!targets) return tl::unexpected(targets.error());
    if (request_.shadow)
        for (const Target &one : *targets)
            if (one.is_new)
                return fault(
                    fmt::format("{} is not attached, and a shadow attaches nothing", one.name), {},
                    Exit::usage);

    if (auto fits = check_xdp(*targets); !fits) return fits;
    auto image = compile(policy_, rollout_.placement(*targets));
    if (!image) return fault(image.error(), {}, Exit::invalid);
    candidate_ = {std::move(*image), std::move(*targets), policy_.flow_capacity};
    take_over_wishes();

    generation_.number = 1 + std::max(rollout_.before().catalog.generation, store_->last_number());
    generation_.policy = policy_.name;
    generation_.applied_at = realtime_ns();
    for (const Target &one : candidate_.targets) generation_.interfaces.push_back(one.name);
    generation_.flow_capacity = policy_.flow_capacity;
    candidate_.image.header().generation = generation_.number;
    candidate_.image.header().applied_at = generation_.applied_at;
    return {};
}

Done Work::build() {
    const std::vector<Question> packets =
        test_packets(policy_, candidate_.image, candidate_.targets);
    return rollout_.prepare(candidate_)
        .and_then([&] { return rollout_.probe(packets); })
        .and_then([&]() -> Done {
            if (request_.force || request_.shadow || request_.confirm_within != 0) return {};
            return rollout_.guard(generation_.mode,
                                  "let it come back by itself with --confirm-within 60s, or cut "
                                  "it with --force");
        });
}

// A policy that need not be confirmed is what boot puts in force from now on.
Done Work::keep() {
    if (request_.shadow) return {};
    auto catalog = read_catalog(ImageView(candidate_.image.bytes).view());
    if (!catalog) return fault(fmt::format("the compiled policy is broken: {}", catalog.error()));
    generation_.sha256 = catalog->sha256;
    if (auto kept = store_->keep(generation_, candidate_.image, policy_); !kept) return kept;
    // Where it cannot be read, boot has nothing to lose.
    before_ = store_->confirmed().value_or(std::nullopt);
    if (request_.confirm_within != 0) return {};
    return store_->confirm({generation_.number, before_ ? before_->generation : 0});
}

Result<Applied> Work::switch_over() {
    const std::uint64_t seconds = request_.confirm_within;
    const std::uint64_t deadline = seconds ? boottime_ns() + seconds * 1'000'000'000 : 0;
    auto done =
        request_.shadow ? rollout_.commit_shadow() : rollout_.commit(generation_.mode, deadline);
    if (!done) {
        if (!request_.shadow) store_->put_back(before_);
        return tl::unexpected(done.error());
    }
    std::vector<std::uint64_t> keep{generation_.number, rollout_.before().catalog.generation};
    if (before_) keep.insert(keep.end(), {before_->generation, before_->previous});
    store_->prune(keep);
    return Applied{generation_.number, generation_.sha256, generation_.mode, generation_.interfaces,
                   rollout_.notes()};
}

}  // namespace

Result<Applied> apply(const Paths &paths, const Policy &policy, const ApplyRequest &request) {
    Work work(paths, policy, request);
    return work.open(paths)
        .and_then([&] { return work.plan(); })
        .and_then([&] { return work.build(); })
        .and_then([&] { return work.keep(); })
        .and_then([&] { return work.switch_over(); });
}

}  // namespace pm
