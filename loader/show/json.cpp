// SPDX-License-Identifier: Apache-2.0
// Everything as JSON Lines: what is absent is null, ports are text, times are RFC 3339 in UTC.
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "loader/base/clock.h"
#include "loader/base/json_line.h"
#include "loader/kernel/deployment.h"
#include "loader/observe/flow_reader.h"
#include "loader/show/applied.h"
#include "loader/show/doctor.h"
#include "loader/show/event.h"
#include "loader/show/show.h"
#include "loader/show/words.h"
#include "policy/image/catalog.h"
#include "policy/model/date.h"
#include "policy/model/labels.h"
#include "policy/model/transports.h"

namespace pm::show {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string &text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json text_or_null(const char *text) {
    return text ? Json(text) : Json(nullptr);
}

// The time of failsafe rows that boot has put in force is not known.
Json time_or_null(std::uint64_t ns) {
    return ns ? Json(time_text(ns)) : Json(nullptr);
}

void add_counts(Json &json, const __u64 packets[2], const __u64 bytes[2]) {
    json["packets_in"] = packets[PM_IN];
    json["bytes_in"] = bytes[PM_IN];
    json["packets_out"] = packets[PM_OUT];
    json["bytes_out"] = bytes[PM_OUT];
}

// What comes back if nobody confirms.
Json pending_json(const InForce &now) {
    const Fallback &back = now.fallback;
    return {{"seconds_left", *now.seconds_left},
            {"generation", back.generation ? Json(back.generation) : Json(nullptr)},
            {"policy", text_or_null(back.policy)},
            {"mode", mode_name(back.mode)}};
}

Json row_json(const RowStatus &one, const Snapshot &snapshot) {
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
    json["owner"] = text_or_null(row.owner);
    json["ticket"] = text_or_null(row.ticket);
    json["expires"] = text_or_null(date_text(row.expires));
    json["expired"] = has_expired(row, snapshot);
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

Json shadow_json(const Catalog &policy, const InterfaceStatus &interface) {
    Json json;
    json["policy"] = {{"name", policy.policy}, {"sha256", policy.sha256}};
    json["would_drop"] = Json::array();
    json["would_pass"] = Json::array();
    for (const ShadowStatus &one : interface.shadow) {
        Json entry = {{"direction", direction_name(one.direction)}, {"row", one.row}};
        if (one.reason) entry["reason"] = one.reason;
        entry["packets"] = one.count.packets;
        entry["bytes"] = one.count.bytes;
        json[one.reason ? "would_drop" : "would_pass"].push_back(entry);
    }
    return json;
}

Json hook_json(pm_attachment attachment) {
    if (attachment == PM_DETACHED) return nullptr;
    Json json;
    json["kind"] = attachment_kind(attachment);
    if (const char *mode = attachment_mode(attachment)) json["mode"] = mode;
    return json;
}

// What is told of a NIC that is not as it was confirmed. Else none of these keys is there.
void add_nic(Json &json, const InterfaceStatus &one) {
    if (one.absent) json["absent"] = true;
    if (one.detached) json["detached"] = true;
    if (!one.renamed.empty()) json["renamed"] = one.renamed;
    if (one.address_confirmed != one.address_now)
        json["address"] = {{"confirmed", text_or_null(one.address_confirmed)},
                           {"now", text_or_null(one.address_now)}};
    if (one.closed) json["closed"] = one.why_closed.empty() ? "until an apply" : one.why_closed;
    if (one.should_be_closed()) json["should_be_closed"] = one.why_closed;
    if (one.confirmed == 0) return;
    json["confirmed"] = {{"generation", one.confirmed}};
    json["remedy"] = "portmatrix restore";
}

}  // namespace

std::string status_json(const Snapshot &snapshot) {
    const InForce &now = snapshot.in_force;
    std::string text;
    for (const InterfaceStatus &one : snapshot.interfaces) {
        Json json;
        json["interface"] = one.name;
        json["policy"] = nullptr;
        if (now.state.epoch != 0)
            json["policy"] = {{"name", now.catalog.policy},
                              {"sha256", now.catalog.sha256},
                              {"matrix_sha256", text_or_null(now.catalog.matrix_sha256)},
                              {"generation", now.catalog.generation},
                              {"applied_at", time_or_null(now.catalog.applied_at)}};
        json["mode"] = mode_name(one.filtered && !one.absent ? now.mode : PM_MODE_OFF);
        json["drift"] = one.drifted || one.should_be_closed() ? Json("attachment")
                        : !one.renamed.empty()                ? Json("name")
                        : snapshot.policy_drifted             ? Json("policy")
                                                              : Json(nullptr);
        json["pending_confirm"] = nullptr;
        if (now.seconds_left) json["pending_confirm"] = pending_json(now);
        json["ingress"] = hook_json(one.attached.ingress);
        json["egress"] = hook_json(one.attached.egress);
        json["attachment_age_seconds"] = nullptr;
        add_nic(json, one);
        if (one.checked)
            json["attachment_age_seconds"] = (boottime_ns() - one.checked) / 1'000'000'000;
        json["rows"] = Json::array();
        for (const RowStatus &row : one.rows) json["rows"].push_back(row_json(row, snapshot));
        json["drops"] = drops_json(one, false);
        json["would_drop"] = drops_json(one, true);
        json["shadow"] = snapshot.shadow ? shadow_json(*snapshot.shadow, one) : Json(nullptr);
        json["flows"] = {{"live", one.live}, {"capacity", snapshot.flow_capacity}};
        text += json_line(json);
    }
    return text;
}

namespace {

std::string quoted(const std::string &text) {
    return json_text(Json(text));
}

// Who says that it is established; empty: it is not, or not tcp.
std::string vouched_field(const Flow &one) {
    if (one.key.protocol != PM_PROTO_TCP || !(one.value.marks & PM_FLOW_ESTABLISHED)) return "";
    return fmt::format(R"(,"vouched":"{}")",
                       one.value.vouched == PM_VOUCH_NONE ? "socket" : "handshake");
}

// The fields of a flow, without braces. Written as text, for tables have millions of flows and a
// JSON object of each is slow.
std::string flow_fields(const Flow &one) {
    const auto port = [&](bool local) {
        const std::string text = flow_port(one.key, local);
        return text.empty() ? "null" : "\"" + text + "\"";
    };
    return fmt::format(R"("interface":{},"row":{},"direction":"{}","transport":"{}",)"
                       R"("local":"{}","local_port":{},"remote":"{}","remote_port":{},)"
                       R"("packets_in":{},"bytes_in":{},"packets_out":{},"bytes_out":{},)"
                       R"("state":"{}"{},"age_seconds":{},"idle_seconds":{})",
                       quoted(one.interface), one.row.empty() ? "null" : quoted(one.row),
                       direction_name(one.value.opener), transport_name(one.key.protocol),
                       to_string(Address::from(one.key.local)), port(true),
                       to_string(Address::from(one.key.remote)), port(false),
                       one.value.packets[PM_IN], one.value.bytes[PM_IN], one.value.packets[PM_OUT],
                       one.value.bytes[PM_OUT], one.state, vouched_field(one), one.age, one.idle);
}

// A line that begins with the fields of `head`.
std::string flow_line(const Json &head, const Flow &flow) {
    std::string text = json_line(head);
    text.resize(text.size() - std::strlen("}\n"));
    return text + "," + flow_fields(flow) + "}\n";
}

const char *change_name(Change::What what) {
    if (what == Change::What::added) return "added";
    return what == Change::What::removed ? "removed" : "changed";
}

Json change_json(const Change &one) {
    return {{"change", change_name(one.what)},
            {"kind", one.kind},
            {"name", one.name},
            {"before", text_or_null(one.before)},
            {"after", text_or_null(one.after)}};
}

Json diagnostic_json(const Diagnostic &one) {
    const bool placed = one.where.line > 0;
    Json json;
    json["severity"] = severity_name(one.severity);
    json["file"] = text_or_null(one.where.file ? one.where.file->name.c_str() : nullptr);
    json["line"] = placed ? Json(one.where.line) : Json(nullptr);
    json["column"] = placed ? Json(one.where.column) : Json(nullptr);
    json["message"] = one.message;
    json["witness"] = text_or_null(one.witness);
    json["hint"] = text_or_null(one.hint);
    return json;
}

}  // namespace

std::string flow_json(const Flow &flow) {
    return "{" + flow_fields(flow) + "}\n";
}

std::string flow_record_json(const FlowRecordHead &head, const Flow &flow) {
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    return flow_line(Json{{"time", time_text(head.time * ns_per_ms)},
                          {"event", head.event},
                          {"reason", head.reason},
                          {"start", time_text(head.start * ns_per_ms)},
                          {"last", time_text(head.last * ns_per_ms)}},
                     flow);
}

std::string diff_json(const std::vector<Change> &changes, const std::vector<FlowChange> &flows) {
    std::string text;
    for (const Change &one : changes) text += json_line(change_json(one));
    for (const FlowChange &one : flows) {
        const bool cut = one.reason != PM_UNDECIDED;
        Json json = {{"change", cut ? "cut" : "credited"}, {"kind", "flow"}};
        json["reason"] = cut ? Json(reason_label(one.reason)) : Json(nullptr);
        json["new_row"] = text_or_null(one.row);
        text += flow_line(json, one.flow);
    }
    return text;
}

namespace {

Json ban_object(const Ban &ban, std::uint64_t now) {
    constexpr std::uint64_t ns_a_second = 1'000'000'000;
    Json json;
    json["prefix"] = to_string(ban.prefix);
    json["owner"] = ban.owner;
    json["created_at"] = time_or_null(ban.created * ns_a_second);
    json["expires_at"] = nullptr;
    json["seconds_left"] = nullptr;
    json["listed"] = ban.created != 0;
    if (ban.expires) {
        const std::uint64_t end = *ban.expires * ns_a_second;
        json["expires_at"] = time_text(end);
        json["seconds_left"] = end > now ? (end - now) / ns_a_second : 0;
    }
    return json;
}

}  // namespace

std::string ban_json(const Ban &ban, std::uint64_t now) {
    return json_line(ban_object(ban, now));
}

std::string explanation_json(const Explanation &explanation) {
    Json json;
    json["interface"] = text_or_null(explanation.interface);
    json["verdict"] = explanation.pass ? "pass" : "drop";
    json["row"] = text_or_null(explanation.row);
    json["reason"] = text_or_null(explanation.reason);
    json["direction"] = direction_name(static_cast<unsigned>(explanation.direction));
    json["transport"] = transport_name(explanation.transport);
    json["why"] = explanation.why.text;
    json["set"] = text_or_null(explanation.why.set);
    json["entry"] = text_or_null(explanation.why.entry);
    json["nearest_row"] = text_or_null(explanation.why.row);
    json["remedy"] = text_or_null(explanation.why.remedy);
    json["ban"] = explanation.ban ? ban_object(*explanation.ban, realtime_ns()) : Json(nullptr);
    return json_line(json);
}

std::string drop_json(const Drop &drop) {
    const Dissection &what = drop.what;
    const auto address = [](const std::optional<Address> &one) {
        return one ? Json(to_string(*one)) : Json(nullptr);
    };
    const auto number = [](const auto &one) { return one ? Json(*one) : Json(nullptr); };
    const auto port = [](const auto &one) {
        return one ? Json(std::to_string(*one)) : Json(nullptr);
    };
    Json json;
    json["event"] = "drop";
    json["time"] = time_text(drop.time);
    json["interface"] = drop.interface;
    json["direction"] = direction_name(drop.direction);
    json["reason"] = drop.reason;
    json["row"] = text_or_null(drop.row);
    json["would"] = drop.audit;
    json["transport"] = text_or_null(what.protocol);
    json["source"] = address(what.source);
    json["source_port"] = port(what.source_port);
    json["destination"] = address(what.destination);
    json["destination_port"] = port(what.destination_port);
    json["tcp_flags"] = what.tcp_flags.empty() ? Json(nullptr) : Json(split_list(what.tcp_flags));
    json["icmp_type"] = number(what.icmp_type);
    json["icmp_code"] = number(what.icmp_code);
    json["fragment_offset"] = number(what.fragment_offset);
    json["vlans"] = what.vlans;
    json["packets"] = drop.segments;
    json["bytes"] = drop.length;
    return json_line(json);
}

std::string findings_json(const std::vector<Finding> &findings) {
    std::string text;
    for (const Finding &one : findings)
        text += json_line(Json{{"interface", text_or_null(one.interface)},
                               {"check", one.check},
                               {"grade", grade_name(one.grade)},
                               {"message", one.text},
                               {"remedy", text_or_null(one.remedy)}});
    return text;
}

std::string notice_json(const Notice &notice) {
    const auto number = [](const auto &one) { return one ? Json(*one) : Json(nullptr); };
    Json json;
    json["event"] = notice.event;
    json["time"] = time_text(notice.time);
    json["message"] = notice.message;
    if (notice.packets) json["packets"] = number(notice.packets);
    if (notice.lost) json["lost"] = number(notice.lost);
    if (notice.seconds) json["seconds"] = number(notice.seconds);
    if (notice.generation) json["generation"] = number(notice.generation);
    if (!notice.policy.empty()) json["policy"] = notice.policy;
    return json_line(json);
}

std::string host_json(const std::string &host, std::uint64_t time) {
    return json_line(Json{{"host", text_or_null(host)}, {"time", time_text(time)}});
}

std::string diagnostics_json(const Diagnostics &diagnostics) {
    std::string text;
    for (const Diagnostic &one : diagnostics.all()) text += json_line(diagnostic_json(one));
    return text;
}

std::string applied_json(const AppliedPolicy &applied) {
    Json json;
    json["changed"] = applied.changed;
    json["shadow"] = applied.shadow;
    json["generation"] = applied.shadow ? Json(nullptr) : Json(applied.generation);
    if (applied.policy_of) json["policy_of"] = applied.policy_of;
    json["policy"] = applied.policy;
    json["sha256"] = applied.sha256;
    json["mode"] = mode_name(applied.mode);
    json["interfaces"] = applied.interfaces;
    json["confirm_within"] = text_or_null(applied.confirm_within);
    json["changes"] = Json::array();
    for (const Change &one : applied.changes) json["changes"].push_back(change_json(one));
    json["cut_flows"] = applied.cut_flows ? Json(*applied.cut_flows) : Json(nullptr);
    json["bans"] = applied.bans;
    json["findings"] = Json::array();
    for (const Diagnostic &one : applied.findings.all())
        json["findings"].push_back(diagnostic_json(one));
    json["notes"] = applied.notes;
    return json_line(json);
}

}  // namespace pm::show
