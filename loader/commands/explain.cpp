// SPDX-License-Identifier: Apache-2.0
// The command explain: asks a policy file, or the programs in the kernel, about a flow.
#include "loader/observe/explain.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "loader/attach/targets.h"
#include "loader/base/clock.h"
#include "loader/base/lock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/host/own_addresses.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/ask_kernel.h"
#include "loader/observe/explain_arguments.h"
#include "loader/observe/selection.h"
#include "loader/show/show.h"
#include "loader/state/drift.h"
#include "loader/update/kept_bans.h"
#include "policy/image/compile.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"
#include "policy/model/labels.h"

namespace pm::command {
namespace {

// As the user says, else guessed; a doubtful guess is noted on stderr.
Direction settle_direction(const Tuple &tuple, const std::function<bool(const Address &)> &is_own) {
    if (tuple.direction) return *tuple.direction;
    std::string note;
    const Direction direction = guess_direction(tuple, is_own, note);
    if (!note.empty()) print_note(note);
    return direction;
}

void print_answer(const Explanation &answer, bool json) {
    fmt::print("{}", json ? show::explanation_json(answer)
                          : show::explanation_text(answer, colour_on(STDOUT_FILENO)));
}

// Offline

Done explain_by_file(const ExplainArguments &arguments, const Policy &policy,
                     const ImageView &image, const Tuple &tuple, Direction direction) {
    auto asked = asked_interfaces(policy, arguments.interfaces,
                                  direction == Direction::in ? tuple.to : tuple.from);
    if (!asked) return tl::unexpected(asked.error());
    for (const auto &[number, name] : *asked) {
        auto answer = explain(image.view(), tuple, direction, number,
                              [&](const Question &question) -> Result<Explanation> {
                                  return explanation_of(ask(policy, image, question), question);
                              });
        if (!answer) return tl::unexpected(answer.error());
        answer->interface = name;
        print_answer(*answer, arguments.json);
    }
    return {};
}

int explain_offline(const ExplainArguments &arguments, const AskedFlow &flow) {
    auto source = read_valid_policy(arguments.policy, Expectations::skip);
    if (!source) return source.error();
    const Policy &policy = *source->policy;
    const ImageView image(source->image->bytes);
    auto tuples =
        settle_flow(flow, arguments.direction, [&](const std::string &role, Family family) {
            return role_address(policy, {}, role, family);
        });
    if (!tuples) return end(tuples.error());
    const Direction direction = settle_direction(
        tuples->front(), [&](const Address &address) { return is_listed(image.view(), address); });
    for (const Tuple &tuple : *tuples) {
        auto done = explain_by_file(arguments, policy, image, tuple, direction);
        if (!done) return end(done.error());
    }
    return end(Exit::done);
}

// Live

struct Live {
    Deployment deployment;
    std::optional<Policy> policy;  // none: what is in force cannot be read as a policy
    std::vector<OwnAddress> own;   // of this host
};

Result<Live> read_live() {
    auto deployment = need_policy_or_file();
    if (!deployment) return tl::unexpected(deployment.error());
    auto own = own_addresses();
    if (!own) return tl::unexpected(own.error());
    Live live = {.deployment = std::move(*deployment), .policy = {}, .own = {}};
    live.own = std::move(*own);
    if (auto policy = read_policy_in_force(live.deployment.in_force.catalog))
        live.policy = std::move(*policy);
    return live;
}

// Of the interfaces that are attached, for roles that stand for any address there.
std::vector<Address> attached_addresses(const Live &live) {
    std::vector<Address> addresses;
    const auto interfaces = live.deployment.pins.interfaces();
    if (!interfaces) return addresses;
    constexpr Prefix link_local = {{0xfe80000000000000, 0}, 10};
    for (const OwnAddress &one : live.own)
        if (!holds(link_local, one.address) &&
            std::ranges::any_of(*interfaces, [&](const Pins::Interface &interface) {
                return interface.name() == one.interface;
            }))
            addresses.push_back(one.address);
    return addresses;
}

// The ban of the address that ends last; none: the list and what is in force have none now.
std::optional<Ban> find_ban(const Switch &control, const Address &peer) {
    const auto kept = read_kept_bans(Paths::from_environment(), &control);
    if (!kept) return std::nullopt;
    std::optional<Ban> found;
    const auto lasts = [](const Ban &ban) { return ban.expires.value_or(~std::uint64_t{0}); };
    for (const Ban &one : kept->all())
        if (holds(one.prefix, peer) && (!found || lasts(one) > lasts(*found))) found = one;
    return found;
}

// Who banned it until when, and what the policy says but for the ban.
void add_ban(const Live &live, const KernelAnswer &answer, const Question &question,
             Explanation &said) {
    const Address &peer = question.direction == Direction::in ? question.from : question.to;
    said.ban = find_ban(live.deployment.control, peer);
    if (said.ban) {
        constexpr std::uint64_t ns_a_second = 1'000'000'000;
        const std::string prefix = to_string(said.ban->prefix);
        said.why.entry = prefix;
        said.why.text =
            fmt::format("{} is banned by {}{}, {}", to_string(peer), said.ban->owner,
                        prefix == to_string(peer) ? "" : " (" + prefix + ")",
                        said.ban->expires ? "until " + time_text(*said.ban->expires * ns_a_second)
                                          : "until it is lifted");
        said.why.remedy = fmt::format("to lift it: portmatrix unban {}", prefix);
    }
    if (!live.policy) return;
    const pm_view image = live.deployment.control.image(answer.in_force.state.record.image);
    const std::uint32_t verdict = judge_first(image, {}, present(image), question);
    const Answer without =
        answer_of(verdict, expired_row(image, question, verdict), *live.policy, "", question);
    said.why.row = without.row;
    said.why.text +=
        without.pass
            ? fmt::format("; but for the ban row '{}' permits it", without.row)
            : fmt::format("; but for the ban it is dropped too ({})", reason_label(without.reason));
}

Result<Explanation> ask_live(const Live &live, const std::string &interface,
                             const Question &question) {
    const Deployment &deployment = live.deployment;
    auto answer = ask_kernel(deployment.pins, deployment.control, question);
    if (!answer) return tl::unexpected(answer.error());
    const Catalog &now = answer->in_force.catalog, &read = deployment.in_force.catalog;
    if (now.sha256 != read.sha256 || now.applied_at != read.applied_at)
        return fault("another policy was put in force meanwhile", "try again");
    Explanation said =
        explain_answer(*answer, question, live.policy ? &*live.policy : nullptr, interface);
    if (answer->is_filtered && pm_reason_of(answer->verdict) == PM_DROP_BANNED)
        add_ban(live, *answer, question, said);
    return said;
}

Done explain_live(const Live &live, const ExplainArguments &arguments, const Tuple &tuple,
                  Direction direction) {
    const Switch &control = live.deployment.control;
    auto interfaces = select_interfaces(live.deployment.pins, arguments.interfaces);
    if (!interfaces) return tl::unexpected(interfaces.error());
    const pm_view image = control.image(control.state().record.image);
    for (const Pins::Interface &one : *interfaces) {
        auto answer = explain(image, tuple, direction, one.number, [&](const Question &question) {
            return ask_live(live, one.name(), question);
        });
        if (!answer) return tl::unexpected(answer.error());
        answer->interface = one.name();
        print_answer(*answer, arguments.json);
    }
    return {};
}

int explain_loaded(const ExplainArguments &arguments, const AskedFlow &flow) {
    auto live = read_live();
    if (!live) return end(live.error());
    auto tuples = settle_flow(
        flow, arguments.direction, [&](const std::string &role, Family family) -> Result<Address> {
            if (live->policy)
                return role_address(*live->policy, attached_addresses(*live), role, family);
            return fault(fmt::format("the roles of the policy in force cannot be read: '{}'", role),
                         "name the address");
        });
    if (!tuples) return end(tuples.error());
    auto lock = Lock::probe(Paths::from_environment());
    if (!lock) return end(lock.error());
    const Switch &control = live->deployment.control;
    const pm_view image = control.image(control.state().record.image);
    const Direction direction = settle_direction(tuples->front(), [&](const Address &address) {
        return std::ranges::find(live->own, address, &OwnAddress::address) != live->own.end() ||
               is_listed(image, address);
    });
    for (const Tuple &tuple : *tuples)
        if (auto done = explain_live(*live, arguments, tuple, direction); !done)
            return end(done.error());
    return end(Exit::done);
}

}  // namespace

int run_explain(const ExplainArguments &arguments) {
    auto flow = parse_flow(arguments.from, arguments.to, arguments.protocol);
    if (!flow) return end(flow.error());
    return arguments.policy.empty() ? explain_loaded(arguments, *flow)
                                    : explain_offline(arguments, *flow);
}

}  // namespace pm::command
