// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/judged.h"

#include <sstream>
#include <stdexcept>
#include <utility>

#include "policy/model/labels.h"
#include "tests/support/addresses.h"

namespace pm::test {

namespace {

Image compiled(const Policy &policy, const CompileOptions &options) {
    auto image = compile(policy, options);
    if (!image) throw std::runtime_error(image.error());
    return std::move(*image);
}

void parse_end(const std::string &text, Address &where, std::uint16_t &port) {
    const std::size_t bracket = text.find(']');
    const std::size_t colon = text.rfind(':');
    if (bracket != text.npos) {
        where = address(text.substr(1, bracket - 1));
        port = static_cast<std::uint16_t>(std::stoul(text.substr(bracket + 2)));
    } else if (colon != text.npos && text.find(':') == colon) {
        where = address(text.substr(0, colon));
        port = static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1)));
    } else {
        where = address(text);
    }
}

}  // namespace

Question question(const std::string &text, unsigned interface) {
    std::istringstream words(text);
    std::string direction, transport, from, arrow, to;
    words >> direction >> transport >> from >> arrow >> to;
    Question out;
    out.direction = direction == "in" ? Direction::in : Direction::out;
    out.interface = interface;
    if (transport == "tcp" || transport == "udp")
        out.transport = transport == "tcp" ? tcp : udp;
    else if (transport == "icmp" || transport == "icmpv6")
        out.transport = transport == "icmp" ? icmp : icmpv6;
    else
        out.transport = static_cast<std::uint8_t>(std::stoul(transport));
    parse_end(from, out.from, out.from_port);
    parse_end(to, out.to, out.to_port);
    return out;
}

Judged::Judged(const Policy &from, const CompileOptions &options)
    : policy(from), image(compiled(policy, options)), view(image.bytes) {}

Answer Judged::ask(const std::string &packet, unsigned interface) const {
    return pm::ask(policy, view, question(packet, interface));
}

std::string Judged::operator()(const Question &packet) const {
    const Answer answer = pm::ask(policy, view, packet);
    return answer.pass ? answer.row : reason_label(answer.reason);
}

std::string Judged::operator()(const std::string &packet, unsigned interface) const {
    return (*this)(question(packet, interface));
}

}  // namespace pm::test
