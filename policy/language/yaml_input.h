// SPDX-License-Identifier: Apache-2.0
// What stands between a file and the YAML parser: the check of its characters, positions in its
// text, and the stream that the parser reads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <streambuf>
#include <string_view>
#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/base/text.h"

namespace pm {

// Refuses what must not reach the parser, which would accept other encodings and stop at a NUL:
// text that is not UTF-8, byte order marks, carriage returns, control characters, tabs as
// indentation.
bool check_characters(const std::shared_ptr<const SourceFile> &file, Diagnostics &diagnostics);

// The file's text by lines (lines and byte columns count from 0), to turn byte columns into
// characters and to see the text at a position. Lines may be megabytes long: nothing here walks
// a whole line for each value on it.
class Lines {
public:
    explicit Lines(std::string_view text) : text_(text) {
        for (std::size_t i = 0; i < text.size(); ++i)
            if (text[i] == '\n') starts_.push_back(i + 1);
        starts_.push_back(text.size() + 1);
    }

    // From a position to the end of its line.
    std::string_view rest(int line, int column) const {
        const std::size_t number = index(line);
        const auto end = starts_[number + 1] - 1;
        const auto at = std::min(starts_[number] + static_cast<std::size_t>(column), end);
        return text_.substr(at, end - at);
    }

    int column(int line, int byte) {
        const std::size_t number = index(line);
        const auto bytes = static_cast<std::size_t>(byte);
        if (number != last_.line || bytes < last_.bytes) last_ = {number, 0, 0};
        last_.characters += count_code_points(text_.substr(
            std::min(starts_[number] + last_.bytes, text_.size()), bytes - last_.bytes));
        last_.bytes = bytes;
        return 1 + static_cast<int>(last_.characters);
    }

private:
    // The line that was asked for last, and how far it has been counted.
    struct Position {
        std::size_t line = 0, bytes = 0, characters = 0;
    };

    std::size_t index(int line) const {
        return std::min(static_cast<std::size_t>(line), starts_.size() - 2);
    }

    std::string_view text_;
    std::vector<std::size_t> starts_{0};  // one more than there are lines
    Position last_;
};

// Hands the text to the parser piece by piece. yaml-cpp reads to the end of the outermost [...] or
// {...}, and of every scalar, before it sends an event. A limit on how far it reads between two
// events bounds its memory and time.
class Feed : public std::streambuf {
public:
    static constexpr std::size_t limit = 256 << 10;  // bytes

    explicit Feed(std::string_view text) : rest_(text) {}

    bool is_stopped() const { return stopped_; }
    void event() { since_event_ = 0; }

private:
    int_type underflow() override {
        constexpr std::size_t piece = 4096;
        if (rest_.empty() || stopped_) return traits_type::eof();
        if (since_event_ >= limit) {
            stopped_ = true;
            return traits_type::eof();
        }
        const std::size_t size = std::min(piece, rest_.size());
        char *begin = const_cast<char *>(rest_.data());  // a get area is never written
        setg(begin, begin, begin + size);
        rest_.remove_prefix(size);
        since_event_ += size;
        return traits_type::to_int_type(*gptr());
    }

    std::string_view rest_;
    std::size_t since_event_ = 0;
    bool stopped_ = false;
};

}  // namespace pm
