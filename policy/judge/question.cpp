// SPDX-License-Identifier: Apache-2.0
#include "policy/judge/question.h"

#include <fmt/format.h>

#include "policy/model/transports.h"

namespace pm {

pm_tuple to_tuple(const Question &question) {
    const bool in = question.direction == Direction::in;
    pm_tuple tuple{};
    tuple.local = (in ? question.to : question.from).abi();
    tuple.remote = (in ? question.from : question.to).abi();
    tuple.local_port = in ? question.to_port : question.from_port;
    tuple.remote_port = in ? question.from_port : question.to_port;
    tuple.protocol = question.transport;
    tuple.interface = static_cast<std::uint8_t>(question.interface);
    tuple.opener = static_cast<std::uint8_t>(in ? PM_IN : PM_OUT);
    return tuple;
}

Question to_question(const pm_tuple &tuple) {
    const bool in = tuple.opener == PM_IN;
    return {.from = Address::from(in ? tuple.remote : tuple.local),
            .to = Address::from(in ? tuple.local : tuple.remote),
            .from_port = in ? tuple.remote_port : tuple.local_port,
            .to_port = in ? tuple.local_port : tuple.remote_port,
            .transport = tuple.protocol,
            .direction = in ? Direction::in : Direction::out,
            .interface = tuple.interface};
}

std::string to_string(const Question &question) {
    const bool ports = has_ports(question.transport);
    return fmt::format("{} {} -> {}", transport_name(question.transport),
                       endpoint(question.from, ports ? std::to_string(question.from_port) : ""),
                       endpoint(question.to, ports ? std::to_string(question.to_port) : ""));
}

}  // namespace pm
