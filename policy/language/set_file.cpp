// SPDX-License-Identifier: Apache-2.0
// A file of a million lines is common, so a line costs no allocation.
#include "policy/language/set_file.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <tl/expected.hpp>

#include "policy/base/sha256.h"
#include "policy/base/source_file.h"
#include "policy/base/text.h"
#include "policy/language/pasted.h"

namespace pm {
namespace {

constexpr int error_limit = 10;         // of one file
constexpr std::size_t word_limit = 64;  // no address is longer

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

// A line without its comment, and without blanks at its ends.
std::string_view content(std::string_view line) {
    line = line.substr(0, line.find('#'));
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
    return line;
}

constexpr std::array<bool, 256> address_characters = [] {
    std::array<bool, 256> known{};
    for (const char c : std::string_view("0123456789abcdefABCDEF.:/%"))
        known[static_cast<unsigned char>(c)] = true;
    return known;
}();

// The address parser quotes its text unchanged in its messages. So it gets only harmless
// characters.
tl::expected<Prefix, std::string> parse_line(std::string_view word) {
    const bool is_plain = word.size() <= word_limit && std::ranges::all_of(word, [](char c) {
                              return address_characters[static_cast<unsigned char>(c)];
                          });
    if (is_plain) return parse_prefix(word);
    return tl::unexpected(fmt::format("{} is not an address or prefix", quote(word)));
}

class LineReader {
public:
    LineReader(std::shared_ptr<const SourceFile> file, Diagnostics &diagnostics)
        : file_(std::move(file)), diagnostics_(diagnostics) {}

    std::optional<SetFile> read() {
        std::string_view rest = file_->text;
        if (is_utf16(rest)) {
            diagnostics_.error({file_, 1, 1, 1}, utf16_fault, utf16_hint(*file_));
            return std::nullopt;
        }
        if (rest.find('\r') != rest.npos) {
            diagnostics_.error(
                {file_}, "a carriage return: the lines end as on Windows",
                fmt::format("convert it: sed -i 's/\\r$//' {}", printable(file_->name)));
            return std::nullopt;
        }
        set_.ranges.reserve(static_cast<std::size_t>(std::ranges::count(rest, '\n')) + 1);
        for (int line = 1; !rest.empty(); ++line) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            add(rest.substr(0, end), line);
            if (errors_ > error_limit) return std::nullopt;
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        if (errors_ > 0) return std::nullopt;
        set_.count = set_.ranges.size();
        set_.sha256 = sha256(file_->text);
        set_.source = file_;
        return std::move(set_);
    }

private:
    void add(std::string_view line, int number) {
        const std::string_view word = content(line);
        if (word.empty()) return;
        const auto prefix = parse_line(word);
        if (prefix) {
            set_.ranges.push_back(prefix->range());
            return;
        }
        if (++errors_ > error_limit) {
            diagnostics_.error({file_}, "more lines are wrong; only the first 10 are shown");
            return;
        }
        const std::string_view before =
            line.substr(0, static_cast<std::size_t>(word.data() - line.data()));
        diagnostics_.error({file_, number, 1 + static_cast<int>(count_code_points(before)),
                            static_cast<int>(count_code_points(word))},
                           prefix.error(), line_hint(word));
    }

    std::shared_ptr<const SourceFile> file_;
    Diagnostics &diagnostics_;
    SetFile set_;
    int errors_ = 0;
};

}  // namespace

std::optional<SetFile> read_set_file(const SetItem &item, Diagnostics &diagnostics) {
    const std::filesystem::path folder = std::filesystem::path(item.where.file->name).parent_path();
    const auto file = read_source(item.file_path, (folder / item.text).string(), set_size_limit);
    if (!file) {
        diagnostics.error(item.where,
                          fmt::format("cannot read {}: {}", quote(item.text), file.error().cause),
                          file.error().hint);
        return std::nullopt;
    }
    auto set = LineReader(*file, diagnostics).read();
    if (set && set->ranges.empty()) {
        diagnostics.error(item.where, fmt::format("{} holds no address", quote(item.text)),
                          "write none if the set is empty on purpose");
        return std::nullopt;
    }
    return set;
}

}  // namespace pm
