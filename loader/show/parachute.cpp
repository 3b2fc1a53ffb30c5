// SPDX-License-Identifier: Apache-2.0
#include "loader/show/parachute.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "loader/base/clock.h"
#include "loader/base/json_line.h"
#include "loader/show/table.h"
#include "policy/base/text.h"

namespace pm::show {
namespace {

using Json = nlohmann::ordered_json;

Json rows_json(const std::vector<parachute::Note::Closed> &closed) {
    Json rows = Json::array();
    for (const auto &one : closed) rows.push_back({{"row", one.row}, {"why", one.why}});
    return rows;
}

}  // namespace

std::string parachute_text(const parachute::Note &note, ParachuteTable state) {
    const std::string on =
        note.interfaces.empty() ? "every device" : printable(joined(note.interfaces));
    const std::string which = note.generation ? fmt::format("generation {}", note.generation)
                                              : std::string("the essentials alone");
    if (state == ParachuteTable::gone)
        return fmt::format(
            "OPEN: {} is filtered by nothing: the parachute was loaded and is gone from nftables\n"
            "  load it again: portmatrix restore\n  the programs: {}\n\n",
            on, printable(note.why));
    std::string text =
        fmt::format("PARACHUTE: nftables filters {} by {}, mode parachute, since {}\n  why: {}\n",
                    on, which, time_text(note.since), printable(note.why));
    if (!note.fallback.empty()) text += fmt::format("  fallback: {}\n", printable(note.fallback));
    for (const auto &one : note.closed)
        text += fmt::format("  closed: {}: {}\n", printable(one.row), printable(one.why));
    return text + "\n";
}

std::string parachute_json(const parachute::Note &note, ParachuteTable state) {
    const bool loaded = state == ParachuteTable::loaded;
    Json json;
    json["interface"] = nullptr;
    json["policy"] = {{"name", note.policy},
                      {"sha256", note.sha256},
                      {"generation", note.generation},
                      {"applied_at", nullptr}};
    json["mode"] = loaded ? "parachute" : "off";
    json["drift"] = "attachment";
    for (const char *key : {"pending_confirm", "ingress", "egress", "attachment_age_seconds"})
        json[key] = nullptr;
    for (const char *key : {"rows", "drops", "would_drop"}) json[key] = Json::array();
    json["shadow"] = nullptr;
    json["flows"] = {{"live", 0}, {"capacity", 0}};
    json["parachute"] = {{"loaded", state == ParachuteTable::unknown ? Json() : Json(loaded)},
                         {"why", note.why},
                         {"fallback", note.fallback.empty() ? Json() : Json(note.fallback)},
                         {"generation", note.generation},
                         {"since", time_text(note.since)},
                         {"closed", rows_json(note.closed)}};
    if (note.interfaces.empty()) return json_line(json);
    std::string text;
    for (const std::string &name : note.interfaces) {
        json["interface"] = name;
        text += json_line(json);
    }
    return text;
}

std::string closed_rows_text(const std::vector<parachute::ClosedRow> &rows) {
    if (rows.empty()) return "the parachute closes no row\n";
    Table table({{"CLOSED ROW"}, {"WHY"}});
    for (const parachute::ClosedRow &one : rows) table.add({one.id, one.why});
    return table.text(0, false);
}

std::string closed_rows_json(const std::vector<parachute::ClosedRow> &rows) {
    std::string text;
    for (const parachute::ClosedRow &one : rows)
        text += json_line(Json{{"row", one.id}, {"why", one.why}});
    return text;
}

}  // namespace pm::show
