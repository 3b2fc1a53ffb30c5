// SPDX-License-Identifier: Apache-2.0
#include "loader/commands/prefixes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <sstream>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/commands/common.h"
#include "loader/show/table.h"
#include "policy/base/fd.h"
#include "policy/base/source_file.h"
#include "policy/base/text.h"
#include "policy/base/whole_file.h"
#include "policy/language/pasted.h"

namespace pm::command {
namespace {

constexpr std::size_t guessed_size = 65536;  // bytes
constexpr std::size_t size_limit = std::size_t{64} << 20;

Done add_prefix(const std::string &word, std::vector<Prefix> &prefixes) {
    auto prefix = parse_prefix(word);
    if (!prefix) return fault(prefix.error(), address_range_hint(word), Exit::usage);
    prefixes.push_back(*prefix);
    return {};
}

// The file is read to its end before anything is made of it. A link is followed: the list may come
// from /dev/fd.
Result<SourceFile> read_list(const std::string &file) {
    const bool is_input = file == "-";
    const Fd opened(is_input ? -1 : ::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!is_input && !opened) return cannot(fmt::format("read '{}'", file), errno);
    auto text = read_whole(is_input ? STDIN_FILENO : opened.get(), guessed_size, size_limit);
    if (!text && text.error() == EFBIG)
        return fault(fmt::format("'{}' is larger than {} MB, the limit", file, size_limit >> 20));
    if (!text) return cannot(fmt::format("read '{}'", file), text.error());
    return SourceFile{.name = is_input ? "standard input" : file,
                      .path = {},
                      .text = std::move(*text),
                      .secret = is_input ? Secret::no : secret_of(opened.get(), file)};
}

Fault wrong_line(const SourceFile &file, int number, const Fault &why, const std::string &line) {
    const std::string where = fmt::format("{}: line {}", file.name, number);
    if (file.secret == Secret::no) {
        const std::string hint = is_utf16(file.text) ? utf16_hint(file) : line_hint(line);
        return {fmt::format("{}: {}", where, why.message), hint, Exit::usage};
    }
    return {fmt::format("{} is no address or prefix; it is not quoted, as {} and not everybody may "
                        "read the file",
                        where,
                        file.secret == Secret::linked ? "a link leads to it"
                                                      : "it has a second name (a hard link)"),
            "name the file itself, and the message says what is wrong", Exit::usage};
}

Done add_lines(const SourceFile &file, std::vector<Prefix> &prefixes) {
    std::istringstream lines(file.text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        line = line.substr(0, line.find('#'));
        line.erase(0, line.find_first_not_of(" \t"));
        line.erase(line.find_last_not_of(" \t\r") + 1);
        if (line.empty()) continue;
        if (auto added = add_prefix(line, prefixes); !added)
            return tl::unexpected(wrong_line(file, number, added.error(), line));
    }
    return {};
}

}  // namespace

Result<std::vector<Prefix>> read_prefixes(const std::vector<std::string> &words,
                                          const std::string &file) {
    std::vector<Prefix> prefixes;
    for (const std::string &word : words)
        if (auto added = add_prefix(word, prefixes); !added) return tl::unexpected(added.error());
    if (!file.empty()) {
        auto added = read_list(file).and_then(
            [&](const SourceFile &source) { return add_lines(source, prefixes); });
        if (!added) return tl::unexpected(added.error());
    }
    std::set<Range> seen;
    std::erase_if(prefixes, [&](const Prefix &one) { return !seen.insert(one.range()).second; });
    if (prefixes.empty()) return fault("no prefix is named", {}, Exit::usage);
    return prefixes;
}

std::string prefixes_text(const std::vector<Prefix> &prefixes, std::size_t changed) {
    if (prefixes.size() == 1) return to_string(prefixes[0]);
    return changed == prefixes.size() ? fmt::format("{} prefixes", prefixes.size())
                                      : fmt::format("{} of {} prefixes", changed, prefixes.size());
}

Done check_owner(const std::string &owner) {
    if (is_owner(owner)) return {};
    return fault(fmt::format("{} is no name of an owner", quote(owner)),
                 "write at most 64 letters, digits, or . _ - @, such as fail2ban", Exit::usage);
}

int end_done(const char *action, const std::string &what, const BanOutcome &outcome) {
    const std::string text = fmt::format(
        "{}; {} in all{}", what, show::plural(outcome.bans, "ban"),
        outcome.enforced ? "" : "; no policy is in force, so they drop nothing until one is");
    record_done(action, text);
    for (const std::string &note : outcome.notes) print_note(note);
    print_note(text);
    return end(Exit::done);
}

}  // namespace pm::command
