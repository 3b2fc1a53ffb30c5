// SPDX-License-Identifier: Apache-2.0
#include "loader/show/table.h"

#include <algorithm>

#include <fmt/core.h>

#include "policy/base/text.h"

namespace pm::show {

void Table::add(std::vector<std::string> cells) {
    for (std::string &cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::string Table::text(int indent, bool colour) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = columns_[i].title.size();
        for (const auto &row : rows_) width = std::max(width, count_code_points(row[i]));
        widths.push_back(width);
    }
    auto line = [&](auto cell) {
        std::string text(static_cast<std::size_t>(indent), ' ');
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const std::string &value = cell(i);
            const std::string blanks(widths[i] - count_code_points(value), ' ');
            text += columns_[i].align == Align::right ? blanks + value : value + blanks;
            text += "  ";
        }
        return text.substr(0, text.find_last_not_of(' ') + 1);
    };
    const std::string title =
        line([&](std::size_t i) -> const std::string & { return columns_[i].title; });
    std::string all = colour ? fmt::format("\033[1m{}\033[0m\n", title) : title + "\n";
    for (const auto &row : rows_)
        all += line([&](std::size_t i) -> const std::string & { return row[i]; }) + "\n";
    return all;
}

std::string plural(std::uint64_t count, const char *noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace pm::show
