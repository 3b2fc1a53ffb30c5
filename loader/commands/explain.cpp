// SPDX-License-Identifier: Apache-2.0
// The command explain: asks a policy file, or the programs in the kernel, about a flow.
#include "loader/observe/explain.h"

#include <unistd.h>

#include <functional>
#include <set>
#include <string>

#include <fmt/core.h>

#include "loader/attach/targets.h"
#include "loader/base/lock.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/host/own_addresses.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/ask_kernel.h"
#include "loader/observe/explain_arguments.h"
#include "loader/show/show.h"
#include "policy/image/compile.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"
#include "policy/model/labels.h"

namespace pm::command {
namespace {

Result<std::set<Address>> host_addresses() {
    auto own = own_addresses();
    if (!own) return tl::unexpected(own.error());
    std::set<Address> addresses;
    for (const OwnAddress &one : *own) addresses.insert(one.address);
    return addresses;
}

Result<Tuple> read_tuple(const ExplainArguments &arguments) {
    auto tuple = parse_tuple(arguments.from, arguments.to, arguments.protocol);
    if (tuple) tuple->direction = arguments.direction;
    return tuple;
}

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

int explain_offline(const ExplainArguments &arguments, const Tuple &tuple) {
    auto source = read_valid_policy(arguments.policy, Expectations::skip);
    if (!source) return source.error();
    const Policy &policy = *source->policy;
    const ImageView image(source->image->bytes);
    const Direction direction = settle_direction(
        tuple, [&](const Address &address) { return is_listed(image.view(), address); });
    auto asked = asked_interfaces(policy, arguments.interfaces,
                                  direction == Direction::in ? tuple.to : tuple.from);
    if (!asked) return end(asked.error());

    for (const auto &[number, name] : *asked) {
        auto answer = explain(image.view(), tuple, direction, number,
                              [&](const Question &question) -> Result<Explanation> {
                                  const Answer said = ask(policy, image, question);
                                  Explanation one;
                                  one.direction = direction;
                                  one.pass = said.pass;
                                  one.row = said.row;
                                  if (!said.pass) one.reason = reason_label(said.reason);
                                  one.why = said.why;
                                  return one;
                              });
        if (!answer) return end(answer.error());
        answer->interface = name;
        print_answer(*answer, arguments.json);
    }
    return end(Exit::done);
}

int explain_loaded(const ExplainArguments &arguments, const Tuple &tuple) {
    auto deployment = need_policy_or_file();
    if (!deployment) return end(deployment.error());
    const auto &[pins, control, in_force] = *deployment;
    auto interfaces = select_interfaces(pins, arguments.interfaces);
    if (!interfaces) return end(interfaces.error());
    auto lock = Lock::probe(Paths::from_environment());
    if (!lock) return end(lock.error());

    const pm_view image = control.image(control.state().record.image);
    const auto own = host_addresses();
    if (!own) return end(own.error());
    const Direction direction = settle_direction(tuple, [&](const Address &address) {
        return own->count(address) != 0 || is_listed(image, address);
    });
    for (const Pins::Interface &one : *interfaces) {
        auto answer = explain(image, tuple, direction, one.number, [&](const Question &question) {
            return ask_kernel(deployment->pins, deployment->control, question);
        });
        if (!answer) return end(answer.error());
        answer->interface = one.name();
        print_answer(*answer, arguments.json);
    }
    return end(Exit::done);
}

}  // namespace

int run_explain(const ExplainArguments &arguments) {
    auto tuple = read_tuple(arguments);
    if (!tuple) return end(tuple.error());
    return arguments.policy.empty() ? explain_loaded(arguments, *tuple)
                                    : explain_offline(arguments, *tuple);
}

}  // namespace pm::command
