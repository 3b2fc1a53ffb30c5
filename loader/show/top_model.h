// SPDX-License-Identifier: Apache-2.0
// What `top` shows: rates from two looks at the counters, sorted and filtered, as tables of text.
// top_screen.h draws them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/observe/busiest_flows.h"
#include "loader/observe/flow_reader.h"
#include "loader/observe/flow_sums.h"
#include "loader/observe/snapshot.h"
#include "loader/show/sums.h"
#include "loader/show/table.h"
#include "policy/image/catalog.h"

namespace pm::show {

enum class Pane { rows, drops, flows };
inline constexpr int pane_count = 3;

// What the user chose by keys.
struct TopView {
    std::string filter;         // only lines with this text: a row's id, a reason, an address
    int sort[pane_count] = {};  // index of sort_names()
    bool reverse[pane_count] = {};
    bool unicode = false;          // bars are of block elements, else of '#'
    std::optional<SumBy> by = {};  // the third pane has sums instead of flows
};
const std::vector<const char *> &sort_names(Pane pane, std::optional<SumBy> by);
std::optional<SumBy> next_by(std::optional<SumBy> by);  // after the last, none

struct Rate {
    double in = 0, out = 0;  // a second
    double sum() const { return in + out; }
};

struct RowRate {
    std::string interface;
    const CatalogRow *row = nullptr;  // in the model's snapshot
    Rate packets, bits;
    double flows = 0;  // new ones a second
    std::uint64_t live = 0, total = 0;
};

struct DropRate {
    std::string interface;
    pm_direction direction;
    std::string reason;
    bool would;  // counted in audit mode: it would have been dropped
    double packets = 0, bits = 0;
    std::uint64_t total = 0;
};

class TopModel {
public:
    // `seconds`: since any fixed time. After the first look all rates are 0.
    void look(Snapshot snapshot, double seconds);
    // A walk through the flow tables: the busiest flows, and how many flows there are.
    struct FlowLook {
        std::vector<Flow> flows;
        std::vector<BusiestFlows::Busy> rates;                           // of each
        std::map<std::pair<std::string, unsigned>, std::uint64_t> live;  // by interface, slot
        std::uint64_t total = 0;
        std::optional<SumBy> by = {};  // how it was summed
        std::vector<NamedFlowSum> sums = {};
    };
    void look(FlowLook flows) { flows_ = std::move(flows); }

    std::vector<RowRate> rows(const TopView &view) const;
    std::vector<DropRate> drops(const TopView &view) const;

    std::string title() const;   // policy, generation, mode, interfaces
    std::string alarm() const;   // drift, a pending confirm, audit mode; or empty
    std::string totals() const;  // rates of everything together
    Table table(Pane pane, const TopView &view) const;

private:
    Table rows_table(const TopView &view) const;
    Table drops_table(const TopView &view) const;
    Table flows_table(const TopView &view) const;
    Table sums_table(const TopView &view) const;
    const InterfaceStatus *last_look_at(const std::string &interface) const;

    Snapshot now_;
    std::optional<Snapshot> last_;
    double time_ = 0, elapsed_ = 0;
    FlowLook flows_;
};

// Eight cells, filled by `share` from 0 to 1.
std::string bar(double share, bool unicode);

}  // namespace pm::show
