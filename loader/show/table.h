// SPDX-License-Identifier: Apache-2.0
// A table for a terminal: columns as wide as their widest cell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pm::show {

class Table {
public:
    enum class Align { left, right };
    struct Column {
        std::string title;
        Align align = Align::left;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    void add(std::vector<std::string> cells);  // one for each column
    bool empty() const { return rows_.empty(); }
    std::size_t size() const { return rows_.size(); }

    // The title line and the rows, each indented by `indent` blanks; the title bold with colour.
    std::string text(int indent, bool colour) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

inline constexpr auto right = Table::Align::right;

std::string plural(std::uint64_t count, const char *noun);  // "1 flow", "2 flows"

}  // namespace pm::show
