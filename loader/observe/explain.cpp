// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/explain.h"

#include <optional>

#include <fmt/core.h>

#include "policy/image/image_ranges.h"
#include "policy/model/labels.h"
#include "policy/model/transports.h"

namespace pm {
namespace {

std::string outcome(const Explanation &one) {
    return one.pass ? fmt::format("row '{}'", one.row) : fmt::format("drop, {}", one.reason);
}

}  // namespace

Explanation explanation_of(const Answer &answer, const Question &question) {
    Explanation one;
    one.direction = question.direction;
    one.pass = answer.pass;
    one.row = answer.row;
    if (!answer.pass) one.reason = reason_label(answer.reason);
    one.why = answer.why;
    one.transport = question.transport;
    return one;
}

Result<Explanation> explain(pm_view image, const Tuple &tuple, Direction direction,
                            unsigned interface, const Ask &ask) {
    Question question;
    question.from = tuple.from;
    question.to = tuple.to;
    question.from_port = tuple.from_port.value_or(0);
    question.to_port = tuple.to_port.value_or(0);
    question.transport = tuple.transport;
    question.direction = direction;
    question.interface = interface;
    if (!has_ports(tuple.transport) || tuple.from_port) return ask(question);

    std::optional<Explanation> first;
    std::string differences;
    bool differ = false;
    for (const PortRange &run : source_port_runs(image, tuple.transport, *tuple.to_port)) {
        question.from_port = run.first;
        auto answer = ask(question);
        if (!answer) return answer;
        differences += fmt::format("{}{}: {}", differences.empty() ? "" : "; ",
                                   to_string(Ports{run}), outcome(*answer));
        differ = differ || (first && outcome(*first) != outcome(*answer));
        if (!first) first = *answer;
    }
    if (differ)
        return fault(fmt::format("the source port decides here ({})", differences),
                     "add it: --from ADDRESS:PORT", Exit::usage);
    if (!first) return fault("cannot read the ports of the policy");
    return *first;
}

}  // namespace pm
