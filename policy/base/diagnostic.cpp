// SPDX-License-Identifier: Apache-2.0
#include "policy/base/diagnostic.h"

#include <algorithm>

#include <fmt/format.h>

#include "policy/base/text.h"

namespace pm {

void Diagnostics::error(Location where, std::string message, std::string hint) {
    if (where.file && where.file->secret != Secret::no) {
        const bool is_linked = where.file->secret == Secret::linked;
        message = fmt::format(
            "what stands here is wrong; it is not quoted, as {} and not everybody may read it",
            is_linked ? "a link leads to it" : "the file has a second name (a hard link)");
        hint = fmt::format("look at {}{}, or name {} instead, and the message says what is wrong",
                           where.line ? fmt::format("line {} of ", where.line) : "",
                           printable(where.file->path),
                           is_linked ? "the file itself" : "a copy of it");
    }
    add({.severity = Severity::error,
         .where = std::move(where),
         .message = std::move(message),
         .witness = {},
         .hint = std::move(hint)});
}

void Diagnostics::warning(Location where, std::string message, std::string witness,
                          std::string hint) {
    add({.severity = Severity::warning,
         .where = std::move(where),
         .message = std::move(message),
         .witness = std::move(witness),
         .hint = std::move(hint)});
}

void Diagnostics::note(Location where, std::string message, std::string witness, std::string hint) {
    add({.severity = Severity::note,
         .where = std::move(where),
         .message = std::move(message),
         .witness = std::move(witness),
         .hint = std::move(hint)});
}

void Diagnostics::add(Diagnostic one) {
    ++counts_[static_cast<std::size_t>(one.severity)];
    all_.push_back(std::move(one));
}

const char *severity_name(Severity severity) {
    if (severity == Severity::error) return "error";
    return severity == Severity::warning ? "warning" : "note";
}

namespace {

std::string_view line_of(std::string_view text, int number) {
    for (; number > 1; --number) {
        const std::size_t end = text.find('\n');
        if (end == text.npos) return {};
        text.remove_prefix(end + 1);
    }
    return text.substr(0, text.find('\n'));
}

// Byte offset of the code point at `index`, or the end.
std::size_t offset_of(std::string_view line, int index) {
    std::size_t at = 0;
    for (; index > 0 && at < line.size(); --index) {
        const std::size_t length = first_code_point(line.substr(at)).length;
        at += length == 0 ? 1 : length;
    }
    return at;
}

// The cited line and the caret below it. Of a long line, only what surrounds the caret.
std::string excerpt(const Location &where, std::string_view paint, std::string_view plain) {
    constexpr int before = 60, shown = 120;
    if (where.file->secret != Secret::no) return {};
    std::string_view line = line_of(where.file->text, where.line);
    if (line.empty()) return {};  // the end of the file
    const int column = std::max(where.column, 1);
    const int first = column - 1 > shown - 20 ? column - 1 - before : 0;
    line.remove_prefix(offset_of(line, first));

    std::string text = first > 0 ? "..." : "";
    const std::size_t end = offset_of(line, shown);
    text += printable(line.substr(0, end));
    if (end < line.size()) text += "...";

    const int indent = column - 1 - first + (first > 0 ? 3 : 0);
    const int width = std::clamp(where.width, 1, std::max(1, shown - indent));
    return fmt::format("{}\n{}{}^{}{}\n", text, std::string(indent, ' '), paint,
                       std::string(width - 1, '~'), plain);
}

const char *paint_of(Severity severity) {
    if (severity == Severity::error) return "\033[1;31m";
    return severity == Severity::warning ? "\033[1;35m" : "\033[1;36m";
}

}  // namespace

std::string cite(const Location &where) {
    if (!where.file) return "portmatrix";
    const std::string name = printable(where.file->name);
    return where.line == 0 ? name : fmt::format("{}:{}", name, where.line);
}

std::string render(const Diagnostic &diagnostic, bool colour) {
    const char *bold = colour ? "\033[1m" : "";
    const char *paint = colour ? paint_of(diagnostic.severity) : "";
    const char *plain = colour ? "\033[0m" : "";

    const Location &where = diagnostic.where;
    const bool has_line = where.file && where.line > 0;
    const std::string column = has_line ? fmt::format(":{}", where.column) : "";
    std::string text =
        fmt::format("{}{}{}:{} {}{}:{} {}\n", bold, cite(where), column, plain, paint,
                    severity_name(diagnostic.severity), plain, printable(diagnostic.message));
    if (has_line) text += excerpt(where, paint, plain);
    if (!diagnostic.witness.empty())
        text += fmt::format("  witness: {}\n", printable(diagnostic.witness));
    if (!diagnostic.hint.empty()) text += fmt::format("  hint: {}\n", printable(diagnostic.hint));
    return text;
}

std::string render(const Diagnostics &diagnostics, bool colour) {
    constexpr std::size_t shown =
        200;  // nobody reads more, and each one walks its file to the line
    const std::vector<Diagnostic> &all = diagnostics.all();
    std::string text;
    for (std::size_t i = 0; i < std::min(all.size(), shown); ++i) text += render(all[i], colour);
    if (all.size() > shown)
        text += fmt::format("portmatrix: {} more findings are not shown\n", all.size() - shown);
    return text;
}

namespace {

// Insertions, deletions, replacements and swaps of neighbours that lead from a to b.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> older(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], older[j - 2] + 1);
        }
        older.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string> &candidates) {
    constexpr std::size_t longest =
        64;  // no name is longer; the cost is the product of the lengths
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
    if (word.size() > longest) return best;
    for (const std::string &candidate : candidates) {
        if (candidate.size() > longest) continue;
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance && distance < candidate.size()) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string> &candidates) {
    const std::string meant = nearest(word, candidates);
    return meant.empty() ? "" : fmt::format("did you mean '{}'?", meant);
}

}  // namespace pm
