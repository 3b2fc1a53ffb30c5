// SPDX-License-Identifier: Apache-2.0
// Sums of flows and of drops, and the drop log, as JSON Lines.
#include <nlohmann/json.hpp>

#include "loader/base/json_line.h"
#include "loader/show/sums.h"
#include "loader/show/words.h"

namespace pm::show {
namespace {

using SumJson = nlohmann::ordered_json;

SumJson text_if_any(const std::string &text) {
    return text.empty() ? SumJson(nullptr) : SumJson(text);
}

SumJson sum_head(const char *by, const SumJson &name) {
    return {{"event", "sum"}, {"by", by}, {by, name}};
}

SumJson ports_json(const PortSample &sample) {
    SumJson ports = SumJson::array();
    for (const std::uint16_t port : sample.ports) ports.push_back(std::to_string(port));
    return ports;
}

}  // namespace

std::string flow_sum_json(SumBy by, const NamedFlowSum &one) {
    const auto &[name, sum] = one;
    SumJson json = {{"by", sum_by_name(by)}, {sum_by_name(by), text_if_any(name.name)}};
    if (by == SumBy::port) json["transport"] = name.transport;
    json["flows"] = sum.flows;
    json["packets_in"] = sum.packets[PM_IN];
    json["bytes_in"] = sum.bytes[PM_IN];
    json["packets_out"] = sum.packets[PM_OUT];
    json["bytes_out"] = sum.bytes[PM_OUT];
    return json_line(json);
}

std::string drop_sums_json(const DropSums &sums) {
    std::string text;
    for (const auto &[reason, count] : sums.reasons()) {
        SumJson json = sum_head("reason", reason.label);
        json["direction"] = direction_name(reason.direction);
        json["would"] = reason.audit;
        json["packets"] = count.packets;
        json["bytes"] = count.bytes;
        text += json_line(json);
    }
    for (const auto &one : sums.peers().largest()) {
        SumJson json = sum_head("peer", to_string(one.key));
        json["packets"] = one.sum - one.over;
        json["uncertain"] = one.over;
        text += json_line(json);
    }
    for (const auto &[row, count] : sums.rows()) {
        SumJson json = sum_head("row", row);
        json["packets"] = count.packets;
        json["bytes"] = count.bytes;
        text += json_line(json);
    }
    return text;
}

std::string logged_drops_json(const LoggedDrops &line) {
    SumJson json;
    json["event"] = "drops";
    json["first"] = text_if_any(line.first);
    json["last"] = text_if_any(line.last);
    json["peer"] = text_if_any(line.of.peer);
    json["interface"] = line.of.interface;
    json["direction"] = direction_name(line.of.direction);
    json["reason"] = line.of.reason;
    json["row"] = text_if_any(line.of.row);
    json["transport"] = text_if_any(line.of.transport);
    json["ports"] = ports_json(line.ports);
    json["more_ports"] = line.ports.more;
    json["would"] = line.of.audit;
    json["packets"] = line.packets;
    json["uncertain"] = line.uncertain;
    json["lost"] = line.lost;
    return json_line(json);
}

std::string log_minute_json(const LogMinute &minute) {
    SumJson json;
    json["event"] = "minute";
    json["last"] = text_if_any(minute.last);
    json["seconds"] = minute.seconds;
    json["packets"] = minute.packets;
    json["listed"] = minute.listed;
    json["lost"] = minute.lost;
    return json_line(json);
}

}  // namespace pm::show
