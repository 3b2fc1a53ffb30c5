// SPDX-License-Identifier: Apache-2.0
// The third pane of `top`, where it has sums of flows.
#include <algorithm>
#include <string>
#include <vector>

#include "loader/show/top_model.h"
#include "loader/show/words.h"

namespace pm::show {
namespace {

struct SumLine {
    const FlowSum *sum;
    std::string name;
    double bytes;
};

double sum_measure(const SumLine &one, int sort) {
    const double measures[] = {one.sum->rate.bytes, one.sum->rate.packets, one.bytes,
                               static_cast<double>(one.sum->flows)};
    return measures[sort];
}

}  // namespace

Table TopModel::sums_table(const TopView &view) const {
    constexpr int by_name = 4;
    constexpr const char *titles[] = {"PEER", "PREFIX", "PORT", "ROW"};
    constexpr int pane = static_cast<int>(Pane::flows);
    std::vector<SumLine> lines;
    for (const auto &[name, sum] : flows_.sums)
        if (const std::string text = sum_text(name); text.find(view.filter) != std::string::npos)
            lines.push_back(
                {.sum = &sum,
                 .name = text,
                 .bytes = static_cast<double>(sum.bytes[PM_IN] + sum.bytes[PM_OUT])});
    const int sort = view.sort[pane];
    std::ranges::stable_sort(lines, [sort](const SumLine &a, const SumLine &b) {
        return sort == by_name ? a.name < b.name : sum_measure(a, sort) > sum_measure(b, sort);
    });
    if (view.reverse[pane]) std::ranges::reverse(lines);

    Table table({{titles[static_cast<int>(*flows_.by)]},
                 {"RATE"},
                 {"PKT/S", right},
                 {"BIT/S", right},
                 {"BYTES", right},
                 {"FLOWS", right}});
    double most = 0;
    for (const SumLine &one : lines) most = std::max(most, one.sum->rate.bytes);
    for (const SumLine &one : lines)
        table.add({one.name, bar(one.sum->rate.bytes / most, view.unicode),
                   short_number(one.sum->rate.packets), short_number(8 * one.sum->rate.bytes),
                   short_number(one.bytes), std::to_string(one.sum->flows)});
    return table;
}

}  // namespace pm::show
