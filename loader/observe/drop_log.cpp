// SPDX-License-Identifier: Apache-2.0
#include "loader/observe/drop_log.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "loader/base/clock.h"
#include "loader/observe/explain_arguments.h"
#include "policy/base/text.h"

namespace pm {
namespace {

// The name of a field of ours.
std::string field(const char *name) {
    return std::string("PORTMATRIX_") + name;
}

constexpr char drops_event[] = "drops", minute_event[] = "minute";

std::string text_field(const LogFields &fields, const std::string &name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
}

std::uint64_t number_field(const LogFields &fields, const std::string &name) {
    return parse_digits<std::uint64_t>(text_field(fields, name)).value_or(0);
}

PortSample parse_port_sample(const std::string &text) {
    PortSample sample;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        const auto port = parse_digits<std::uint16_t>(text.substr(at, end - at));
        if (port)
            sample.add(*port);
        else
            sample.more = true;
        at = end + 1;
    }
    return sample;
}

std::string packets_text(std::uint64_t count) {
    return fmt::format("{} packet{}", count, count == 1 ? "" : "s");
}

std::string line_text(const LoggedDrops &line) {
    const DropOf &of = line.of;
    const bool in = of.direction == PM_IN;
    return printable(fmt::format(
        "{} {}{}{} on {}: {}{}{}{}", of.audit ? "would have dropped" : "dropped",
        packets_text(line.packets),
        of.peer.empty() ? (in ? " that came in" : " that went out") : (in ? " from " : " to "),
        of.peer, of.interface, of.reason, of.transport.empty() ? "" : ", " + of.transport,
        line.ports.ports.empty() ? "" : " port " + to_string(line.ports),
        of.row.empty() ? "" : ", row " + of.row));
}

LogFields common_fields(const char *event, std::string message) {
    return {{"MESSAGE_ID", log_message_id},
            {"MESSAGE", std::move(message)},
            {"PRIORITY", "6"},
            {"SYSLOG_IDENTIFIER", "portmatrix-droplog"},
            {field("EVENT"), event}};
}

}  // namespace

void PortSample::add(std::uint16_t port) {
    if (std::ranges::find(ports, port) != ports.end()) return;
    if (ports.size() >= log_ports_most)
        more = true;
    else
        ports.push_back(port);
}

void PortSample::add(const PortSample &other) {
    for (const std::uint16_t port : other.ports) add(port);
    more = more || other.more;
}

bool PortSample::may_have(const PortRange &range) const {
    return more || std::ranges::any_of(ports, [&](std::uint16_t port) {
               return port >= range.first && port <= range.last;
           });
}

std::string to_string(const PortSample &sample) {
    return fmt::format("{}{}", fmt::join(sample.ports, ","), sample.more ? ",..." : "");
}

void MinuteOfDrops::add(const Drop &drop) {
    const auto &peer = peer_of(drop);
    Note &note = sums_.add({.peer = peer ? to_string(*peer) : "",
                            .interface = drop.interface,
                            .direction = drop.direction,
                            .reason = drop.reason,
                            .row = drop.row,
                            .transport = drop.what.protocol,
                            .audit = drop.audit},
                           drop.segments);
    if (drop.what.destination_port) note.ports.add(*drop.what.destination_port);
    if (note.first == 0) note.first = drop.time;
    note.last = drop.time;
}

MinuteOfDrops::Log MinuteOfDrops::end(std::uint64_t now, std::uint64_t seconds,
                                      std::uint64_t lost) {
    Log log;
    log.minute = {.seconds = seconds,
                  .packets = sums_.total(),
                  .listed = 0,
                  .lost = lost,
                  .last = time_text(now)};
    for (const auto &entry : sums_.largest()) {
        if (log.lines.size() == log_lines_most) break;
        log.lines.push_back({.of = entry.key,
                             .ports = entry.note.ports,
                             .packets = entry.sum - entry.over,
                             .uncertain = entry.over,
                             .lost = lost,
                             .first = time_text(entry.note.first),
                             .last = time_text(entry.note.last)});
        log.minute.listed += log.lines.back().packets;
    }
    sums_.clear();
    return log;
}

LogFields log_fields(const LoggedDrops &line) {
    const DropOf &of = line.of;
    LogFields fields = common_fields(drops_event, line_text(line));
    const std::pair<std::string, std::string> more[] = {
        {field("PEER"), of.peer},
        {field("INTERFACE"), of.interface},
        {field("DIRECTION"), of.direction == PM_IN ? "in" : "out"},
        {field("REASON"), of.reason},
        {field("ROW"), of.row},
        {field("TRANSPORT"), of.transport},
        {field("PORTS"), to_string(line.ports)},
        {field("WOULD"), of.audit ? "1" : ""},
        {field("COUNT"), std::to_string(line.packets)},
        {field("UNCERTAIN"), std::to_string(line.uncertain)},
        {field("LOST"), std::to_string(line.lost)},
        {field("FIRST"), line.first},
        {field("LAST"), line.last},
    };
    for (const auto &[name, value] : more)
        if (!value.empty()) fields[name] = printable(value);
    return fields;
}

LogFields log_fields(const LogMinute &minute) {
    LogFields fields = common_fields(
        minute_event,
        fmt::format("saw {} dropped in {} s, {} of them in lines of their own; {} more lost",
                    packets_text(minute.packets), minute.seconds, minute.listed, minute.lost));
    fields[field("COUNT")] = std::to_string(minute.packets);
    fields[field("LISTED")] = std::to_string(minute.listed);
    fields[field("LOST")] = std::to_string(minute.lost);
    fields[field("SECONDS")] = std::to_string(minute.seconds);
    fields[field("LAST")] = minute.last;
    return fields;
}

std::optional<std::variant<LoggedDrops, LogMinute>> parse_log(const LogFields &fields) {
    const std::string event = text_field(fields, field("EVENT"));
    if (event == minute_event)
        return LogMinute{.seconds = number_field(fields, field("SECONDS")),
                         .packets = number_field(fields, field("COUNT")),
                         .listed = number_field(fields, field("LISTED")),
                         .lost = number_field(fields, field("LOST")),
                         .last = text_field(fields, field("LAST"))};
    if (event != drops_event) return std::nullopt;
    return LoggedDrops{
        .of = {.peer = text_field(fields, field("PEER")),
               .interface = text_field(fields, field("INTERFACE")),
               .direction = text_field(fields, field("DIRECTION")) == "out" ? PM_OUT : PM_IN,
               .reason = text_field(fields, field("REASON")),
               .row = text_field(fields, field("ROW")),
               .transport = text_field(fields, field("TRANSPORT")),
               .audit = !text_field(fields, field("WOULD")).empty()},
        .ports = parse_port_sample(text_field(fields, field("PORTS"))),
        .packets = number_field(fields, field("COUNT")),
        .uncertain = number_field(fields, field("UNCERTAIN")),
        .lost = number_field(fields, field("LOST")),
        .first = text_field(fields, field("FIRST")),
        .last = text_field(fields, field("LAST"))};
}

bool selects(const Selection &selection, const LoggedDrops &line) {
    if (!selection.row.empty() && line.of.row != selection.row) return false;
    if (selection.port && !line.ports.may_have(*selection.port)) return false;
    Selection rest = selection;  // what a line has as other drops do
    rest.port.reset();
    rest.slot.reset();
    const auto peer = parse_address(line.of.peer);
    Traffic traffic;
    if (peer) traffic.peer = *peer;
    if (const auto transport = parse_protocol(line.of.transport)) traffic.transport = *transport;
    traffic.direction = line.of.direction == PM_IN ? Direction::in : Direction::out;
    return selects(rest, traffic);
}

std::vector<LoggedSum> sum_up(const std::vector<LoggedDrops> &lines) {
    std::map<DropOf, LoggedSum> sums;
    for (const LoggedDrops &line : lines) {
        LoggedSum &sum = sums[line.of];
        sum.of = line.of;
        sum.ports.add(line.ports);
        sum.packets += line.packets;
        sum.uncertain += line.uncertain;
        if (sum.first.empty() || line.first < sum.first) sum.first = line.first;
        sum.last = std::max(sum.last, line.last);
    }
    std::vector<LoggedSum> all;
    for (auto &[of, sum] : sums) all.push_back(std::move(sum));
    std::ranges::stable_sort(
        all, [](const LoggedSum &a, const LoggedSum &b) { return a.packets > b.packets; });
    return all;
}

}  // namespace pm
