// SPDX-License-Identifier: Apache-2.0
// The commands that read a policy and change nothing: check, show, explain.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/attach/targets.h"
#include "loader/base/lock.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/host/own_addresses.h"
#include "loader/kernel/deployment.h"
#include "loader/kernel/switch.h"
#include "loader/observe/explain.h"
#include "loader/show/show.h"
#include "loader/show/table.h"
#include "loader/state/policy_source.h"
#include "loader/state/store.h"
#include "policy/check/lint.h"
#include "policy/image/compile.h"
#include "policy/judge/judge.h"
#include "policy/judge/question.h"
#include "policy/model/labels.h"
#include "policy/model/print.h"

namespace pm::command {
namespace {

int end(Exit status) {
    return static_cast<int>(status);
}

int end(const Fault &fault) {
    print_fault(fault);
    return end(fault.exit);
}

void print_findings(const Diagnostics &diagnostics) {
    print_plain(render(diagnostics, colour_on(STDERR_FILENO)));
}

// The policy without errors, or its errors printed and the status to end with.
tl::expected<Source, int> read_whole(const std::string &path) {
    auto source = read_source(path, Expectations::skip);
    if (!source) return tl::unexpected(end(source.error()));
    if (!source->diagnostics.has_errors()) return std::move(*source);
    print_findings(source->diagnostics);
    return tl::unexpected(end(Exit::invalid));
}

Result<Pins> open_pins() {
    if (geteuid() != 0)
        return fault("cannot reach the programs in the kernel: only root may (EPERM)",
                     "name a policy with --policy");
    auto pins = Pins::open(Paths::from_environment());
    if (!pins) return tl::unexpected(pins.error());
    if (!*pins) return fault("no policy is in force", "put one in force with 'portmatrix apply'");
    return std::move(**pins);
}

std::set<Address> host_addresses() {
    std::set<Address> addresses;
    for (const OwnAddress &one : own_addresses()) addresses.insert(one.address);
    return addresses;
}

Result<Tuple> read_tuple(const Explain &arguments) {
    auto tuple = parse_tuple(arguments.from, arguments.to, arguments.protocol);
    if (tuple && arguments.direction)
        tuple->direction = *arguments.direction == PM_IN ? Direction::in : Direction::out;
    return tuple;
}

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

int explain_offline(const Explain &arguments, const Tuple &tuple) {
    auto source = read_whole(arguments.policy);
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

int explain_loaded(const Explain &arguments, const Tuple &tuple) {
    auto pins = open_pins();
    if (!pins) return end(pins.error());
    auto interfaces = select_interfaces(*pins, arguments.interfaces);
    if (!interfaces) return end(interfaces.error());
    auto control = Switch::open(pins->maps(), Switch::Access::read);
    if (!control) return end(control.error());
    auto lock = Lock::probe(Paths::from_environment());
    if (!lock) return end(lock.error());

    const pm_view image = control->image(control->state().record.image);
    const std::set<Address> own = host_addresses();
    const Direction direction = settle_direction(tuple, [&](const Address &address) {
        return own.count(address) != 0 || is_listed(image, address);
    });
    for (const Pins::Interface &one : *interfaces) {
        auto answer = explain(image, tuple, direction, one.number, [&](const Question &question) {
            return ask_kernel(*pins, *control, question);
        });
        if (!answer) return end(answer.error());
        answer->interface = one.name();
        print_answer(*answer, arguments.json);
    }
    return end(Exit::done);
}

int show_generation(std::uint64_t number) {
    auto store = Store::open(Paths::from_environment());
    if (!store) return end(store.error());
    const auto numbers = store->all_numbers();
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end())
        return end(Fault{fmt::format("generation {} is not kept; these are: {}", number,
                                     fmt::join(numbers, ", ")),
                         {},
                         Exit::usage});
    auto text = store->policy_text(number);
    if (!text) return end(text.error());
    fmt::print("{}", *text);
    return end(Exit::done);
}

}  // namespace

int run(const Check &arguments) {
    auto source = read_source(arguments.policy, Expectations::ask);
    if (!source) return end(source.error());
    if (source->policy && !source->diagnostics.has_errors())
        check(*source->policy, source->diagnostics);

    const Diagnostics &found = source->diagnostics;
    if (arguments.json) {
        fmt::print("{}", show::findings_json(found));
    } else {
        if (source->policy)
            fmt::print("{}", show::matrix_text(*source->policy, colour_on(STDOUT_FILENO)));
        std::fflush(stdout);  // before the findings where both go to one place
        print_findings(found);
        const auto errors = static_cast<std::uint64_t>(found.errors());
        const auto warnings = static_cast<std::uint64_t>(found.warnings());
        print_note(fmt::format(
            "{}: {}, {}{}", arguments.policy, show::plural(errors, "error"),
            show::plural(warnings, "warning"),
            source->image ? fmt::format(", {} bytes compiled", source->image->bytes.size()) : ""));
    }
    return end(found.has_errors() ? Exit::invalid : Exit::done);
}

int run(const Show &arguments) {
    if (!arguments.policy.empty()) {
        auto source = read_whole(arguments.policy);
        if (!source) return source.error();
        fmt::print("{}", print(*source->policy));
        return end(Exit::done);
    }
    if (arguments.generation) return show_generation(*arguments.generation);
    auto pins = open_pins();
    if (!pins) return end(pins.error());
    auto control = Switch::open(pins->maps(), Switch::Access::read);
    if (!control) return end(control.error());
    auto in_force = read_in_force(*control);
    if (!in_force) return end(in_force.error());
    fmt::print("{}", in_force->catalog.document);
    return end(Exit::done);
}

int run(const Explain &arguments) {
    auto tuple = read_tuple(arguments);
    if (!tuple) return end(tuple.error());
    return arguments.policy.empty() ? explain_loaded(arguments, *tuple)
                                    : explain_offline(arguments, *tuple);
}

}  // namespace pm::command
