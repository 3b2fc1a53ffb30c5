// SPDX-License-Identifier: Apache-2.0
#include "policy/judge/question.h"

#include <fmt/format.h>

#include "policy/model/transports.h"

namespace pm {

pm_flow_key to_key(const Question &question) {
    const bool in = question.direction == Direction::in;
    pm_flow_key flow{};
    flow.local = (in ? question.to : question.from).abi();
    flow.remote = (in ? question.from : question.to).abi();
    flow.local_port = in ? question.to_port : question.from_port;
    flow.remote_port = in ? question.from_port : question.to_port;
    flow.protocol = question.transport;
    flow.interface = static_cast<std::uint8_t>(question.interface);
    return flow;
}

Question to_question(const pm_flow_key &flow, Direction opener) {
    const bool in = opener == Direction::in;
    return {.from = Address::from(in ? flow.remote : flow.local),
            .to = Address::from(in ? flow.local : flow.remote),
            .from_port = in ? flow.remote_port : flow.local_port,
            .to_port = in ? flow.local_port : flow.remote_port,
            .transport = flow.protocol,
            .direction = opener,
            .interface = flow.interface};
}

std::string to_string(const Question &question) {
    const bool ports = has_ports(question.transport);
    return fmt::format("{} {} -> {}", transport_name(question.transport),
                       endpoint(question.from, ports ? std::to_string(question.from_port) : ""),
                       endpoint(question.to, ports ? std::to_string(question.to_port) : ""));
}

}  // namespace pm
