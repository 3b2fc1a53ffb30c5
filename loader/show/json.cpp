// SPDX-License-Identifier: Apache-2.0
// Everything as JSON Lines: absent is null, ports are text, times RFC 3339 in UTC.
#include <nlohmann/json.hpp>

#include "loader/show/show.h"
#include "policy/judge.h"

namespace pm::show {
namespace {

using Json = nlohmann::ordered_json;

std::string line(const Json &json) {
    // Text from files may be no UTF-8: replaced, not refused.
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json text_or_null(const std::string &text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json text_or_null(const char *text) {
    return text ? Json(text) : Json(nullptr);
}

Json port_or_null(const std::string &port) {
    return port.empty() ? Json(nullptr) : Json(std::stoi(port));
}

void add_counts(Json &json, const __u64 packets[2], const __u64 bytes[2]) {
    json["packets_in"] = packets[PM_IN];
    json["bytes_in"] = bytes[PM_IN];
    json["packets_out"] = packets[PM_OUT];
    json["bytes_out"] = bytes[PM_OUT];
}

Json row_json(const RowStatus &one) {
    const CatalogRow &row = one.row;
    const bool essential = row.transport.empty();
    Json json;
    json["id"] = row.id;
    json["section"] = one.section;
    json["role"] = text_or_null(row.role);
    json["protocol"] = text_or_null(row.protocol);
    json["transport"] = Json::array();
    for (const std::string &transport : split_list(row.transport))
        json["transport"].push_back(transport);
    json["direction"] =
        essential ? Json(nullptr) : Json(direction_name(static_cast<unsigned>(row.direction)));
    json["port"] = text_or_null(row.port);
    json["source_port"] = text_or_null(row.source_port);
    json["source"] = text_or_null(row.source);
    json["destination"] = text_or_null(row.destination);
    add_counts(json, one.count.packets, one.count.bytes);
    json["flows"] = one.live;
    json["flows_total"] = one.count.flows;
    return json;
}

Json drops_json(const InterfaceStatus &interface, bool would) {
    Json list = Json::array();
    for (const DropStatus &one : interface.drops) {
        const auto packets = would ? one.count.would_packets : one.count.packets;
        if (packets == 0) continue;
        list.push_back({{"direction", direction_name(one.direction)},
                        {"reason", one.reason},
                        {"packets", packets},
                        {"bytes", would ? one.count.would_bytes : one.count.bytes}});
    }
    return list;
}

Json hook_json(pm_attachment attachment) {
    if (attachment == PM_DETACHED) return nullptr;
    Json json;
    json["kind"] = attachment_kind(attachment);
    if (attachment == PM_XDP_NATIVE || attachment == PM_XDP_GENERIC)
        json["mode"] = attachment_mode(attachment);
    return json;
}

}  // namespace

std::string status_json(const Snapshot &snapshot) {
    const InForce &now = snapshot.in_force;
    std::string text;
    for (const InterfaceStatus &one : snapshot.interfaces) {
        Json json;
        json["interface"] = one.name;
        json["policy"] = nullptr;
        if (now.epoch != 0)
            json["policy"] = {{"name", now.catalog.policy},
                              {"sha256", now.catalog.sha256},
                              {"generation", now.catalog.generation},
                              {"applied_at", time_text(now.catalog.applied_at)}};
        json["mode"] = mode_name(now.mode);
        json["drift"] = one.drifted ? Json("attachment") : Json(nullptr);
        json["pending_confirm"] = nullptr;
        if (now.seconds_left) json["pending_confirm"] = {{"seconds_left", *now.seconds_left}};
        json["ingress"] = hook_json(one.attached.ingress);
        json["egress"] = hook_json(one.attached.egress);
        json["rows"] = Json::array();
        for (const RowStatus &row : one.rows) json["rows"].push_back(row_json(row));
        json["drops"] = drops_json(one, false);
        json["would_drop"] = drops_json(one, true);
        json["shadow"] = nullptr;
        json["flows"] = {{"live", one.live}, {"capacity", snapshot.flow_capacity}};
        text += line(json);
    }
    return text;
}

std::string flows_json(const std::vector<Flow> &flows) {
    std::string text;
    for (const Flow &one : flows) {
        Json json;
        json["interface"] = one.interface;
        json["row"] = text_or_null(one.row);
        json["direction"] = direction_name(one.value.opener);
        json["transport"] = transport_name(one.key.protocol);
        json["local"] = to_string(Address::from(one.key.local));
        json["local_port"] = port_or_null(flow_port(one.key, true));
        json["remote"] = to_string(Address::from(one.key.remote));
        json["remote_port"] = port_or_null(flow_port(one.key, false));
        add_counts(json, one.value.packets, one.value.bytes);
        json["state"] = one.state;
        json["age_seconds"] = one.age;
        json["idle_seconds"] = one.idle;
        text += line(json);
    }
    return text;
}

std::string explanation_json(const Explanation &explanation) {
    Json json;
    json["interface"] = text_or_null(explanation.interface);
    json["verdict"] = explanation.pass ? "pass" : "drop";
    json["row"] = text_or_null(explanation.row);
    json["reason"] = text_or_null(explanation.reason);
    json["direction"] = direction_name(static_cast<unsigned>(explanation.direction));
    json["why"] = explanation.why;
    return line(json);
}

std::string findings_json(const Diagnostics &diagnostics) {
    std::string text;
    for (const Diagnostic &one : diagnostics.all()) {
        const bool placed = one.where.line > 0;
        Json json;
        json["severity"] = one.severity == Severity::error ? "error" : "warning";
        json["file"] = text_or_null(one.where.file ? one.where.file->name.c_str() : nullptr);
        json["line"] = placed ? Json(one.where.line) : Json(nullptr);
        json["column"] = placed ? Json(one.where.column) : Json(nullptr);
        json["message"] = one.message;
        json["witness"] = text_or_null(one.witness);
        json["hint"] = text_or_null(one.hint);
        text += line(json);
    }
    return text;
}

}  // namespace pm::show
