// SPDX-License-Identifier: Apache-2.0
#include "loader/show/audit.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "loader/base/clock.h"
#include "loader/base/json_line.h"
#include "loader/show/table.h"
#include "loader/show/words.h"
#include "policy/base/text.h"
#include "policy/model/date.h"
#include "policy/model/labels.h"
#include "policy/model/transports.h"

namespace pm::show {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t prefixes_shown = 3;

std::string audited_set_text(const AuditedSet &set) {
    if (set.name == "any") return set.name;
    if (!set.form.empty()) return fmt::format("{}: {}", set.name, set.form);
    const std::size_t shown = std::min(set.first.size(), prefixes_shown);
    std::string text = fmt::format(
        "{}: {}", set.name,
        fmt::join(set.first.begin(), set.first.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    if (set.prefixes > shown) text += fmt::format(" and {} more", set.prefixes - shown);
    return text;
}

std::string audited_change_text(const std::optional<AuditedChange> &change) {
    if (!change) return "?";
    return fmt::format("{}{} {} by {} (generation {})", change->or_before ? "or before " : "",
                       change->action, time_text(change->time), change->user, change->generation);
}

// What is said of a row, in the order of the columns. JSON says the same in audited_row_json().
struct AuditColumn {
    const char *title;
    std::string (*text)(const AuditedRow &);
};
const AuditColumn audit_columns[] = {
    {"ID", [](const AuditedRow &one) { return one.row->id; }},
    {"SECTION",
     [](const AuditedRow &one) {
         return std::string(one.row->section == Section::failsafe ? "failsafe" : "matrix");
     }},
    {"DIRECTION",
     [](const AuditedRow &one) {
         return std::string(direction_name(static_cast<unsigned>(one.row->direction)));
     }},
    {"PROTOCOL", [](const AuditedRow &one) { return transports_text(*one.row, ","); }},
    {"PORT", [](const AuditedRow &one) { return to_string(one.row->port); }},
    {"HERE", [](const AuditedRow &one) { return audited_set_text(one.here); }},
    {"PEER",
     [](const AuditedRow &one) {
         return audited_set_text(one.peer) + (one.switched_off ? " (switched off)" : "");
     }},
    {"OWNER", [](const AuditedRow &one) { return one.row->owner; }},
    {"TICKET", [](const AuditedRow &one) { return one.row->ticket; }},
    {"LAST DAY",
     [](const AuditedRow &one) {
         return date_text(one.row->expires) + (one.expired ? " (past)" : "");
     }},
    {"TESTS", [](const AuditedRow &one) { return std::to_string(one.expectations); }},
    {"LAST CHANGE", [](const AuditedRow &one) { return audited_change_text(one.change); }},
};

std::vector<std::string> cells_of(const AuditedRow &row) {
    std::vector<std::string> cells;
    for (const AuditColumn &column : audit_columns) cells.push_back(column.text(row));
    return cells;
}

std::string tests_text(const Audit &audit) {
    return fmt::format("{} of {} hold", audit.expectations - audit.failed,
                       plural(audit.expectations, "expectation"));
}

// What stands above the rows: a title and its text.
using AuditLine = std::pair<const char *, std::string>;
std::vector<AuditLine> head_of(const Audit &audit) {
    std::vector<AuditLine> lines = {
        {"host", audit.host},
        {"as of", time_text(audit.at)},
        {"report made", time_text(audit.made)},
        {"policy", fmt::format("{}, generation {}{}", audit.policy, audit.generation,
                               mode_remark(audit.mode))},
        {"sha256", audit.sha256},
        {"in force since", audited_change_text(audit.since)},
        {"tests", tests_text(audit)}};
    for (const AuditedSet &one : audit.blocked)
        lines.emplace_back("blocked", audited_set_text(one));
    for (const std::string &note : audit.notes) lines.emplace_back("note", note);
    return lines;
}

Json audited_set_json(const AuditedSet &set) {
    return {{"name", set.name},
            {"form", set.form.empty() ? Json(nullptr) : Json(set.form)},
            {"prefixes", set.prefixes},
            {"first", set.first}};
}

Json audited_change_json(const std::optional<AuditedChange> &change) {
    if (!change) return nullptr;
    return {{"generation", change->generation},
            {"time", time_text(change->time)},
            {"user", change->user},
            {"action", change->action},
            {"or_before", change->or_before}};
}

Json audited_row_json(const AuditedRow &one) {
    const Row &row = *one.row;
    Json json;
    json["id"] = row.id;
    json["section"] = row.section == Section::failsafe ? "failsafe" : "matrix";
    json["direction"] = direction_name(static_cast<unsigned>(row.direction));
    json["protocol"] = transports_text(row, ",");
    json["port"] = row.port.empty() ? Json(nullptr) : Json(to_string(row.port));
    json["source_port"] = row.port.empty() ? Json(nullptr) : Json(to_string(row.source_port));
    json["here"] = audited_set_json(one.here);
    json["peer"] = audited_set_json(one.peer);
    json["switched_off"] = one.switched_off;
    json["owner"] = row.owner.empty() ? Json(nullptr) : Json(row.owner);
    json["ticket"] = row.ticket.empty() ? Json(nullptr) : Json(row.ticket);
    json["expires"] = row.expires ? Json(date_text(row.expires)) : Json(nullptr);
    json["expired"] = one.expired;
    json["notes"] = row.notes.empty() ? Json(nullptr) : Json(row.notes);
    json["expectations"] = one.expectations;
    json["last_change"] = audited_change_json(one.change);
    return json;
}

// A cell of a table: its bar would begin the next one.
std::string markdown_cell(const std::string &text) {
    std::string cell;
    for (const char c : printable(text)) {
        if (c == '|' || c == '\\' || c == '<' || c == '`' || c == '*' || c == '_') cell += '\\';
        cell += c;
    }
    return cell;
}

std::string markdown_row(const std::vector<std::string> &cells) {
    std::string line = "|";
    for (const std::string &one : cells) line += fmt::format(" {} |", markdown_cell(one));
    return line + "\n";
}

}  // namespace

std::string audit_text(const Audit &audit, bool colour) {
    std::string text;
    for (const auto &[title, value] : head_of(audit))
        text += fmt::format("{}: {}\n", title, printable(value));
    std::vector<Table::Column> columns;
    for (const AuditColumn &column : audit_columns) columns.push_back({column.title});
    Table table(std::move(columns));
    for (const AuditedRow &row : audit.rows) table.add(cells_of(row));
    return text + "\n" + table.text(0, colour);
}

std::string audit_json(const Audit &audit) {
    Json json;
    json["host"] = audit.host;
    json["time"] = time_text(audit.made);
    json["at"] = time_text(audit.at);
    json["generation"] = audit.generation;
    json["policy"] = audit.policy;
    json["sha256"] = audit.sha256;
    json["mode"] = mode_name(audit.mode);
    json["in_force_since"] = audited_change_json(audit.since);
    json["expectations"] = {{"count", audit.expectations}, {"failed", audit.failed}};
    json["blocked"] = Json::array();
    for (const AuditedSet &one : audit.blocked) json["blocked"].push_back(audited_set_json(one));
    json["notes"] = audit.notes;
    json["rows"] = Json::array();
    for (const AuditedRow &one : audit.rows) json["rows"].push_back(audited_row_json(one));
    return json_line(json);
}

std::string audit_markdown(const Audit &audit) {
    std::string text = fmt::format("# What is open on {}\n\n", markdown_cell(audit.host));
    for (const auto &[title, value] : head_of(audit))
        text += fmt::format("- {}: {}\n", title, markdown_cell(value));
    text += "\nWhat no row permits is dropped, in both directions.\n\n";
    std::vector<std::string> titles, rule;
    for (const AuditColumn &column : audit_columns) {
        titles.push_back(column.title);
        rule.push_back("---");
    }
    text += markdown_row(titles) + markdown_row(rule);
    for (const AuditedRow &row : audit.rows) text += markdown_row(cells_of(row));
    return text;
}

}  // namespace pm::show
