// SPDX-License-Identifier: Apache-2.0
#include "loader/update/apply.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "loader/attach/known_targets.h"
#include "loader/attach/targets.h"
#include "loader/base/clock.h"
#include "loader/base/progress.h"
#include "loader/state/detached.h"
#include "loader/state/drift.h"
#include "loader/state/set_files.h"
#include "loader/state/store.h"
#include "loader/update/ban_policy.h"
#include "loader/update/kept_bans.h"
#include "loader/update/reconcile.h"
#include "loader/update/role_check.h"
#include "loader/update/rollout.h"
#include "loader/update/stored_candidate.h"
#include "loader/update/test_packets.h"
#include "policy/image/catalog.h"
#include "policy/image/compile.h"
#include "policy/image/relocate.h"
#include "policy/image/same.h"
#include "policy/judge/question.h"
#include "policy/model/diff.h"
#include "policy/model/print.h"

namespace pm {
namespace {

// What is to be in force and to be stored.
struct Plan {
    Generation generation;
    Candidate candidate;
};

// The fallback of a first policy is an audit. A host whose confirmed policy could not be put in
// force would be open after the deadline, where nftables has filtered it before.
Done check_fallback(const Paths &paths, const Rollout &rollout, const Store &store) {
    if (rollout.has_policy_in_force()) return {};
    const auto confirmed = store.confirmed_generation();
    if (is_all_detached(paths)) return {};  // it is open now
    if (confirmed && (!*confirmed || (*confirmed)->mode == PM_MODE_AUDIT)) return {};
    const std::string what =
        confirmed ? fmt::format("generation {} is confirmed and not in force", (*confirmed)->number)
                  : "what is confirmed cannot be read, and is not in force";
    return fault(what + ": after the deadline this host would be open",
                 "put it in force first: portmatrix restore; or apply without --confirm-within",
                 Exit::refused);
}

Result<Store> open(const Paths &paths, Rollout &rollout, const ApplyRequest &request) {
    if (auto opened = rollout.open(); !opened) return tl::unexpected(opened.error());
    const InForce &now = rollout.in_force_before();
    if (now.seconds_left)
        return fault(fmt::format("generation {} waits to be confirmed, for {} s more",
                                 now.catalog.generation, *now.seconds_left),
                     "keep it with 'portmatrix confirm', or end it with 'portmatrix rollback'",
                     Exit::refused);
    auto store = Store::open(paths);
    if (!store) return store;
    if (request.confirm_within)
        if (auto safe = check_fallback(paths, rollout, *store); !safe)
            return tl::unexpected(safe.error());
    if (auto done = reconcile(*store, now); !done) return tl::unexpected(done.error());
    return store;
}

// A link cannot change its XDP mode. To attach it again in another mode would leave the interface
// unfiltered for a moment.
Done check_xdp(const Rollout &rollout, const std::optional<XdpMode> &xdp,
               const std::vector<Target> &targets) {
    if (!xdp || *xdp == XdpMode::automatic || !rollout.pins()) return {};
    auto attached = rollout.pins()->interfaces();
    if (!attached) return tl::unexpected(attached.error());
    const pm_attachment kind = *xdp == XdpMode::generic ? PM_XDP_GENERIC : PM_XDP_NATIVE;
    for (const Pins::Interface &one : *attached) {
        const bool is_target =
            std::ranges::find(targets, one.number, &Target::number) != targets.end();
        if (is_target && one.entry.ingress != PM_DETACHED && one.entry.ingress != kind)
            return fault(
                fmt::format("{} is attached with {} XDP", one.name(),
                            one.entry.ingress == PM_XDP_GENERIC ? "generic" : "native"),
                fmt::format("it is unfiltered for a moment if you detach it first: portmatrix "
                            "detach -i {}",
                            one.name()),
                Exit::usage);
    }
    return {};
}

// Where the interfaces of the generation in force are now. None are known before the first apply.
std::vector<Target> known_before(const Rollout &rollout, const Store &store) {
    if (!rollout.has_policy_in_force()) return {};
    const auto before = generation_known(store, rollout.in_force_before().catalog.generation);
    if (!before) return {};
    auto known = known_targets(rollout.pins(), known_nics(*before), Extent::where_possible);
    return known ? std::move(known->targets) : std::vector<Target>();
}

Result<std::vector<Target>> choose_interfaces(const Rollout &rollout, const Store &store,
                                              const Policy &policy, const ApplyRequest &request) {
    if (request.shadow && !rollout.has_policy_in_force())
        return fault("no policy is in force that another could be judged beside",
                     "apply one first: a shadow drops nothing by itself", Exit::usage);
    auto targets =
        choose_targets(rollout.pins(), policy, request.interfaces, known_before(rollout, store));
    if (!targets) return targets;
    if (request.shadow)
        for (const Target &one : *targets)
            if (one.is_new)
                return fault(
                    fmt::format("{} is not attached, and a shadow attaches nothing", one.name), {},
                    Exit::usage);
    if (auto fits = check_xdp(rollout, request.xdp, *targets); !fits)
        return tl::unexpected(fits.error());
    return targets;
}

Nic named_as(Nic nic, const std::string &name) {
    nic.name = name;
    return nic;
}

struct Modes {
    pm_mode mode = PM_MODE_ENFORCE;
    XdpMode xdp = XdpMode::automatic;
};

// Mode and XDP mode come from the command, else from the stored generation in force. They do not
// come from what runs: the kernel may have gone back to a fallback, which may be in audit mode, and
// a driver may have managed only generic XDP.
Modes inherit_mode_and_xdp(const InForce &now, const Store &store, const ApplyRequest &request) {
    const auto stored = store.any_generation(now.catalog.generation);
    Modes modes;
    modes.mode = request.mode ? *request.mode : stored ? stored->mode : now.mode;
    if (modes.mode == PM_MODE_OFF) modes.mode = PM_MODE_ENFORCE;
    modes.xdp = request.xdp ? *request.xdp : stored ? xdp_mode(stored->xdp) : XdpMode::automatic;
    return modes;
}

Result<Plan> make_plan(const Rollout &rollout, const Store &store, const Policy &policy,
                       const ApplyRequest &request) {
    auto targets = choose_interfaces(rollout, store, policy, request);
    if (!targets) return tl::unexpected(targets.error());
    const Progress progress("compiling the policy");
    // Compiled anew: read_source() compiled for the interfaces that the policy names, this is for
    // those of the host.
    auto image = compile(policy, rollout.compile_options(*targets));
    if (!image) return fault(image.error(), {}, Exit::invalid);
    const InForce &now = rollout.in_force_before();
    const Modes modes = inherit_mode_and_xdp(now, store, request);

    auto last = store.last_number();
    if (!last) return tl::unexpected(last.error());
    Generation generation;
    generation.number = 1 + std::max(now.catalog.generation, *last);
    generation.policy = policy.name;
    generation.applied_at = realtime_ns();
    generation.mode = modes.mode;
    generation.xdp = xdp_name(modes.xdp);
    generation.flow_capacity = policy.flow_capacity;
    for (const Target &one : *targets) generation.interfaces.push_back(one.name);
    std::vector<Nic> recorded;
    for (const Target &one : *targets) recorded.push_back(named_as(one.recorded, one.name));
    // If they cannot be had, the interfaces are known by their names until `watch` has them.
    if (auto facts = nic_facts(*targets, recorded)) {
        generation.nics = std::move(facts->nics);
        generation.others = std::move(facts->others);
    }
    image->header().generation = generation.number;
    image->header().applied_at = generation.applied_at;
    return Plan{.generation = std::move(generation),
                .candidate = {.image = std::move(*image),
                              .targets = std::move(*targets),
                              .flow_capacity = policy.flow_capacity,
                              .xdp = modes.xdp,
                              .extent = Extent::all_or_none}};
}

// Sessions are cut only where that is asked for. Then it is told before, as long as the user's own
// session can still show it.
Done guard_sessions(const Rollout &rollout, pm_mode mode, const ApplyRequest &request) {
    using Cuts = Rollout::Cuts;
    if (rollout.changes_nothing(mode)) return {};
    const Cuts cuts = request.force || request.confirm_within ? Cuts::told : Cuts::refused;
    const auto lines = rollout.guard(
        mode, cuts,
        "let it come back by itself with --confirm-within 60s, or cut them with --force");
    if (!lines) return tl::unexpected(lines.error());
    for (const std::string &line : *lines)
        if (request.tell) request.tell(line);
    return {};
}

Done prepare_and_test(const Paths &paths, Rollout &rollout, const Plan &plan, const Policy &policy,
                      const ApplyRequest &request) {
    const std::vector<Question> packets =
        test_packets(policy, plan.candidate.image, plan.candidate.targets);
    return rollout.prepare(plan.candidate)
        .and_then([&] { return run_test_packets(paths, rollout, packets); })
        .and_then([&] { return run_test_packets(paths, rollout, test_packets_of_image(rollout)); })
        .and_then([&]() -> Done {
            if (request.shadow) return {};
            if (request.before_switch) request.before_switch(rollout.prepared_slots());
            return guard_sessions(rollout, plan.generation.mode, request);
        });
}

// Stores the generation, and its SHA-256 in the plan. One that need not be confirmed is what boot
// puts in force from now on. Returns what boot would have put in force before.
Result<std::optional<Confirmed>> store_generation(Store &store, Plan &plan, const Policy &policy,
                                                  const ApplyRequest &request) {
    auto catalog = read_catalog(ImageView(plan.candidate.image.bytes).view());
    if (!catalog) return fault(fmt::format("the compiled policy is broken: {}", catalog.error()));
    plan.generation.sha256 = catalog->sha256;
    if (auto kept =
            store.save_unconfirmed(plan.generation, plan.candidate.image, policy, request.files);
        !kept)
        return tl::unexpected(kept.error());
    // If it cannot be read, boot could not have used it either: it is replaced.
    const std::optional<Confirmed> before = store.confirmed().value_or(std::nullopt);
    if (request.confirm_within) return before;
    auto done = store.confirm({plan.generation.number, before ? before->generation : 0});
    if (!done) return tl::unexpected(done.error());
    return before;
}

// Puts the policy in force. If that fails, boot puts in force what it would have before.
Done switch_over(Rollout &rollout, Store &store, pm_mode mode, const ApplyRequest &request,
                 const std::optional<Confirmed> &confirmed_before) {
    Rollout::Commit commit{
        .mode = mode, .step = request.rollback ? Rollout::Step::rollback : Rollout::Step::apply};
    if (request.confirm_within)
        commit.deadline = boottime_ns() + *request.confirm_within * 1'000'000'000;
    auto done = rollout.commit(commit);
    if (!done) store.undo_confirm(confirmed_before);
    return done;
}

// As Generation::set_files has them.
std::vector<std::string> set_file_paths(const Policy &policy) {
    std::vector<std::string> paths;
    for (const SetItem *item : file_items(policy)) paths.push_back(item->file_path);
    return paths;
}

// Would the next boot put in force what this plan says, as the generation that is in force now,
// from files that can be read? Else an apply mends that.
bool is_kept(const Store &store, const Rollout &rollout, const Plan &plan, const Policy &policy) {
    const auto kept = store.confirmed_generation();
    if (!kept || !*kept) return false;
    const Generation &old = **kept, &planned = plan.generation;
    if (old.number != rollout.in_force_before().catalog.generation || old.mode != planned.mode ||
        old.xdp != planned.xdp || old.interfaces != planned.interfaces ||
        old.set_files != set_file_paths(policy))
        return false;
    auto image = store.image(old);
    if (!image || !relocate(*image, rollout.compile_options(plan.candidate.targets)) ||
        !is_same_image(image->bytes, plan.candidate.image.bytes))
        return false;
    const auto stored = stored_policy(store, old.number);
    return stored && digest(*stored) == digest(policy);
}

// What was in force stays, as that generation. What its interfaces are known by is as of now.
Applied keep_in_force(const Store &store, const InForce &now, Generation planned,
                      std::vector<std::string> notes) {
    auto kept = store.generation(now.catalog.generation);
    if (kept && !planned.nics.empty()) {
        kept->nics = std::move(planned.nics);
        kept->others = std::move(planned.others);
        if (auto saved = store.save_about(*kept); !saved)
            notes.push_back("warning: what the interfaces are known by is as of before: " +
                            saved.error().message);
    }
    return Applied{.changed = false,
                   .generation = now.catalog.generation,
                   .sha256 = now.catalog.sha256,
                   .mode = planned.mode,
                   .interfaces = std::move(planned.interfaces),
                   .notes = std::move(notes)};
}

// Removes old generations, but not those that a rollback could need. Returns a sentence if the
// bound of disk has removed one.
std::optional<std::string> prune(Store &store, std::uint64_t number, const InForce &in_force_before,
                                 const std::optional<Confirmed> &confirmed_before) {
    std::set<std::uint64_t> needed{number, in_force_before.catalog.generation};
    if (confirmed_before) needed.insert({confirmed_before->generation, confirmed_before->previous});
    return store.prune(needed);
}

// A warning for each set whose files may have been cut off. Where the policy in force cannot be
// read there is nothing to compare with.
std::vector<std::string> shrinking_warnings(const Catalog &in_force, const Policy &policy) {
    std::vector<std::string> warnings;
    if (in_force.generation == 0 || in_force.sha256 == digest(policy)) return warnings;
    const auto before = read_policy_in_force(in_force);
    if (!before) return warnings;
    for (const std::string &sentence : shrunk_sets(*before, policy))
        warnings.push_back("warning: " + sentence +
                           "; if that is a mistake, 'portmatrix rollback' goes back");
    return warnings;
}

Result<std::vector<std::string>> roles_fit(const Rollout &rollout, const Plan &plan,
                                           const Policy &policy, const ApplyRequest &request) {
    const auto before = [&]() -> std::optional<Policy> {
        const InForce &now = rollout.in_force_before();
        if (now.mode != PM_MODE_ENFORCE || now.catalog.generation == 0) return std::nullopt;
        auto read = read_policy_in_force(now.catalog);
        if (!read) return std::nullopt;
        return std::move(*read);
    };
    const bool drops = plan.generation.mode == PM_MODE_ENFORCE && !request.shadow;
    return check_roles(policy, before, plan.candidate.targets,
                       !drops || request.force || request.at_boot || request.confirm_within);
}

}  // namespace

Result<Applied> apply(const Paths &paths, const Policy &policy, const ApplyRequest &request) {
    Rollout rollout(paths);
    auto store = open(paths, rollout, request);
    if (!store) return tl::unexpected(store.error());
    auto plan = make_plan(rollout, *store, policy, request);
    if (!plan) return tl::unexpected(plan.error());
    const Generation &generation = plan->generation;
    auto notes = roles_fit(rollout, *plan, policy, request);
    if (!notes) return tl::unexpected(notes.error());
    if (auto ready = prepare_and_test(paths, rollout, *plan, policy, request); !ready)
        return tl::unexpected(ready.error());
    const InForce &before = rollout.in_force_before();
    if (!request.shadow && !request.confirm_within && rollout.changes_nothing(generation.mode) &&
        is_kept(*store, rollout, *plan, policy)) {
        notes->insert(notes->end(), rollout.notes().begin(), rollout.notes().end());
        return keep_in_force(*store, before, generation, std::move(*notes));
    }
    if (!request.shadow && !policy.never_ban.empty())
        if (const auto bans = read_kept_bans(paths, rollout.control()))
            if (auto warning = never_ban_warning(policy, bans->all()))
                notes->push_back(std::move(*warning));
    if (!request.shadow)
        for (std::string &one : shrinking_warnings(before.catalog, policy))
            notes->push_back(std::move(one));

    if (request.shadow) {
        if (auto done = rollout.commit_shadow(); !done) return tl::unexpected(done.error());
    } else {
        auto stored = store_generation(*store, *plan, policy, request);
        if (!stored) return tl::unexpected(stored.error());
        auto done = switch_over(rollout, *store, generation.mode, request, *stored);
        if (!done) return tl::unexpected(done.error());
        if (auto cut = prune(*store, generation.number, before, *stored)) notes->push_back(*cut);
    }
    notes->insert(notes->end(), rollout.notes().begin(), rollout.notes().end());
    return Applied{.changed = true,
                   .generation = request.shadow ? 0 : generation.number,
                   .sha256 = generation.sha256,
                   .mode = generation.mode,
                   .interfaces = generation.interfaces,
                   .notes = std::move(*notes)};
}

}  // namespace pm
