// SPDX-License-Identifier: Apache-2.0
// The command audit: what is open to whom, or was at some time, and who has changed it.
#include "loader/show/audit.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/base/host_name.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/commands/kept.h"
#include "loader/state/drift.h"
#include "loader/state/history.h"
#include "loader/state/row_changes.h"
#include "policy/check/expect.h"
#include "policy/image/compile.h"
#include "policy/model/print.h"

namespace pm::command {
namespace {

using show::Audit;
using show::AuditedChange;
using show::AuditedRow;
using show::AuditedSet;

// What is audited, before anything is found out about its rows.
struct Subject {
    Policy policy;
    Audit audit;
    std::vector<Step> steps;  // up to then
};

AuditedChange audited(const HistoryEntry &entry, std::uint64_t generation) {
    return {.generation = generation,
            .time = entry.time,
            .user = entry.user.empty() ? "?" : entry.user,
            .action = entry.action};
}

Audit head(const Policy &policy, std::uint64_t generation) {
    Audit audit;
    audit.host = host_name();
    audit.made = audit.at = realtime_ns();
    audit.generation = generation;
    audit.policy = policy.name;
    audit.sha256 = digest(policy);
    return audit;
}

// The kernel says what is in force, the history since when.
Result<Subject> in_force_now() {
    return need_as_root({"no policy is in force", "see what was: portmatrix audit --at TIME"})
        .and_then([](const Deployment &deployment) -> Result<Subject> {
            const InForce &now = deployment.in_force;
            if (now.mode == PM_MODE_OFF)
                return fault("no policy is in force", "see what was: portmatrix audit --at TIME");
            auto policy = read_policy_in_force(now.catalog);
            if (!policy) return tl::unexpected(policy.error());
            auto history = read_history(Paths::from_environment());
            if (!history) return tl::unexpected(history.error());
            Subject subject = {
                .policy = std::move(*policy), .audit = {}, .steps = steps_of(history->entries)};
            subject.audit = head(subject.policy, now.catalog.generation);
            subject.audit.mode = now.mode;
            if (now.seconds_left)
                subject.audit.notes.push_back(
                    fmt::format("it waits to be confirmed, for {} s more", *now.seconds_left));
            return subject;
        });
}

Result<Subject> in_force_at(const Store &store, const std::string &time) {
    auto past = policy_at(store, time);
    if (!past) return tl::unexpected(past.error());
    auto policy = kept_policy(store, past->generation);
    if (!policy) return tl::unexpected(policy.error());
    Subject subject = {.policy = std::move(*policy), .audit = {}, .steps = std::move(past->steps)};
    subject.audit = head(subject.policy, past->generation);
    subject.audit.at = past->time;
    const auto about = store.any_generation(past->generation);
    const bool became_audit = !subject.steps.empty() && subject.steps.back().became_audit;
    subject.audit.mode = became_audit ? PM_MODE_AUDIT : about ? about->mode : PM_MODE_ENFORCE;
    if (subject.steps.empty()) subject.audit.notes.push_back(past->description);
    return subject;
}

constexpr std::size_t prefixes_kept = 20;

AuditedSet listed_set(const std::string &name, const AddressSet &addresses) {
    AuditedSet set = {.name = name, .form = {}, .first = {}};
    const std::vector<Prefix> prefixes = addresses.prefixes();
    set.prefixes = prefixes.size();
    for (std::size_t i = 0; i < prefixes.size() && i < prefixes_kept; ++i)
        set.first.push_back(to_string(prefixes[i]));
    return set;
}

AuditedSet audited_set(const Policy &policy, const std::string &name) {
    const auto &sets = is_role(policy, name) ? policy.roles : policy.peers;
    const auto found = sets.find(name);
    const auto plain = [&](const char *form) {
        return AuditedSet{.name = name, .form = form, .first = {}};
    };
    if (found == sets.end() || found->second.addresses == AddressSet::any()) return plain("any");
    if (found->second.is_interface) return plain("interface");
    if (found->second.is_none) return plain("none");
    return listed_set(name, found->second.addresses);
}

void add_rows(const Policy &policy, Audit &audit) {
    std::map<std::string, AuditedSet> sets;
    const auto set_of = [&](const std::string &name) {
        const auto [found, is_new] = sets.try_emplace(name);
        if (is_new) found->second = audited_set(policy, name);
        return found->second;
    };
    for (const Row &row : policy.rows)
        audit.rows.push_back({.row = &row,
                              .here = set_of(local_name(row)),
                              .peer = set_of(peer_name(row)),
                              .switched_off = is_switched_off(policy, row),
                              .expired = row.expires != 0 && row.expires <= audit.at});
    for (const std::string &name : policy.block) audit.blocked.push_back(set_of(name));
}

Done add_tests(const Policy &policy, Audit &audit) {
    const auto image = compile(policy);
    if (!image) return fault(image.error());
    Diagnostics found;
    Tested tested = check_expectations(policy, ImageView(image->bytes), found);
    audit.expectations = tested.count;
    audit.failed = static_cast<std::size_t>(found.errors());
    for (AuditedRow &row : audit.rows) row.expectations = tested.by_row[row.row->id];
    return {};
}

void add_changes(const Store &store, const std::vector<Step> &steps, Audit &audit) {
    // What the history does not have as the last step, it does not explain.
    if (steps.empty() || steps.back().generation != audit.generation) return;
    auto begin = steps.rbegin();
    while (begin + 1 != steps.rend() && (begin + 1)->generation == audit.generation) ++begin;
    audit.since = audited(begin->entry, audit.generation);
    for (const HistoryEntry &one : steps.back().detached)
        if (one.time <= audit.at)
            audit.notes.push_back(fmt::format("from {}: {}", time_text(one.time), one.message));
    std::map<std::uint64_t, std::optional<RowDigests>> known;
    const auto changes = row_changes(steps, [&](std::uint64_t number) {
        const auto [digests, is_new] = known.try_emplace(number);
        if (is_new) digests->second = stored_row_digests(store, number);
        return digests->second;
    });
    for (AuditedRow &row : audit.rows) {
        const auto found = changes.find(row.row->id);
        if (found == changes.end()) continue;
        row.change = audited(found->second.entry, found->second.generation);
        row.change->or_before = found->second.or_before;
    }
}

}  // namespace

int run_audit(const AuditArguments &arguments) {
    const auto store = open_kept();
    if (!store) return end(store.error());
    auto subject = arguments.at.empty() ? in_force_now() : in_force_at(*store, arguments.at);
    if (!subject) return end(subject.error());
    Audit &audit = subject->audit;
    add_rows(subject->policy, audit);
    if (auto tested = add_tests(subject->policy, audit); !tested) return end(tested.error());
    add_changes(*store, subject->steps, audit);
    using Form = AuditArguments::Form;
    fmt::print("{}", arguments.form == Form::json       ? show::audit_json(audit)
                     : arguments.form == Form::markdown ? show::audit_markdown(audit)
                                                        : show::audit_text(audit, colour_on(1)));
    return end(Exit::done);
}

}  // namespace pm::command
