// SPDX-License-Identifier: Apache-2.0
#include "loader/show/event.h"

#include <fmt/core.h>

#include "loader/base/clock.h"
#include "loader/show/show.h"
#include "loader/show/words.h"
#include "policy/base/text.h"

namespace pm::show {
namespace {

std::string side(const std::optional<Address> &address, const std::optional<std::uint16_t> &port) {
    return address ? endpoint(*address, port ? std::to_string(*port) : "") : "?";
}

std::string packet_text(const Dissection &what) {
    std::string text = what.protocol.empty() ? "frame" : what.protocol;
    for (const std::uint16_t vlan : what.vlans) text += fmt::format(" vlan {}", vlan);
    if (what.source || what.destination)
        text += fmt::format(" {} -> {}", side(what.source, what.source_port),
                            side(what.destination, what.destination_port));
    if (!what.tcp_flags.empty()) text += " " + what.tcp_flags;
    if (what.icmp_type)
        text += fmt::format(" type {} code {}", *what.icmp_type, what.icmp_code.value_or(0));
    if (what.fragment_offset) text += fmt::format(" fragment at {}", *what.fragment_offset);
    return text;
}

}  // namespace

std::string drop_comment(const Drop &drop) {
    return fmt::format("{}: {}{}{}", drop.audit ? "would drop" : "dropped", drop.reason,
                       drop.row.empty() ? "" : ", row ", printable(drop.row));
}

std::string drop_text(const Drop &drop, bool colour) {
    return fmt::format("{} {} {:3} {}{}{:19}{} {}, {} bytes{}{}{}\n", time_text(drop.time),
                       printable(drop.interface), direction_name(drop.direction),
                       drop.audit ? "(would drop) " : "", colour ? "\033[31m" : "", drop.reason,
                       colour ? "\033[0m" : "", packet_text(drop.what), drop.length,
                       drop.segments > 1 ? fmt::format(" in {} packets", drop.segments) : "",
                       drop.row.empty() ? "" : ", row ", printable(drop.row));
}

std::string notice_text(const Notice &notice, bool colour) {
    return fmt::format("{}{} -- {}{}\n", colour ? "\033[1m" : "", time_text(notice.time),
                       printable(notice.message), colour ? "\033[0m" : "");
}

}  // namespace pm::show
