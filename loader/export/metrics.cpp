// SPDX-License-Identifier: Apache-2.0
#include "loader/export/metrics.h"

#include <algorithm>
#include <iterator>

#include <prometheus/text_serializer.h>

#include "loader/kernel/deployment.h"
#include "loader/show/words.h"
#include "policy/base/text.h"
#include "policy/model/labels.h"

namespace pm::exporter {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

enum Metric {
#define PM_METRIC(id, name, labels, help, type) id,
#include "loader/export/metrics.def"
#undef PM_METRIC
};

std::vector<MetricFamily> empty_families() {
    return {
#define PM_METRIC(id, name, labels, help, type) {name, help ".", MetricType::type, {}},
#include "loader/export/metrics.def"
#undef PM_METRIC
    };
}

class Families {
public:
    void add(Metric metric, double value, Labels labels = {}) {
        MetricFamily &family = families_[metric];
        ClientMetric one;
        one.label = std::move(labels);
        for (ClientMetric::Label &label : one.label) label.value = escaped(label.value);
        (family.type == MetricType::Counter ? one.counter.value : one.gauge.value) = value;
        family.metric.push_back(std::move(one));
    }
    void add(Metric metric, std::uint64_t value, Labels labels = {}) {
        add(metric, static_cast<double>(value), std::move(labels));
    }
    std::string text() {
        std::erase_if(families_, [](const MetricFamily &one) { return one.metric.empty(); });
        return prometheus::TextSerializer().prometheus::Serializer::Serialize(families_);
    }

private:
    std::vector<MetricFamily> families_ = empty_families();
};

void add_row(Families &families, const std::string &interface, const RowStatus &one) {
    for (const unsigned way : {PM_IN, PM_OUT}) {
        const Labels labels = {{"interface", interface},
                               {"row", one.row.id},
                               {"direction", show::direction_name(way)}};
        families.add(ROW_PACKETS, std::uint64_t{one.count.packets[way]}, labels);
        families.add(ROW_BYTES, std::uint64_t{one.count.bytes[way]}, labels);
    }
    const Labels labels = {{"interface", interface}, {"row", one.row.id}};
    families.add(ROW_FLOWS, std::uint64_t{one.count.flows}, labels);
    families.add(ROW_MISMATCHED, std::uint64_t{one.count.mismatched}, labels);
    families.add(ROW_LIVE, one.live, labels);
}

void add_drop(Families &families, const std::string &interface, const DropStatus &one) {
    const Labels labels = {{"interface", interface},
                           {"direction", show::direction_name(one.direction)},
                           {"reason", one.reason}};
    families.add(DROPPED_PACKETS, std::uint64_t{one.count.packets}, labels);
    families.add(DROPPED_BYTES, std::uint64_t{one.count.bytes}, labels);
    families.add(WOULD_DROP, std::uint64_t{one.count.would_packets}, labels);
}

// A program on an interface for which no policy is in force filters nothing: it counts as not
// attached.
void add_hook(Families &families, const std::string &interface, const char *hook,
              pm_attachment attachment, bool filtered) {
    families.add(ATTACHED, attachment == PM_DETACHED || !filtered ? 0.0 : 1.0,
                 {{"interface", interface}, {"hook", hook}});
    if (attachment == PM_DETACHED) return;
    const char *mode = show::attachment_mode(attachment);
    families.add(ATTACH_INFO, 1.0,
                 {{"interface", interface},
                  {"hook", hook},
                  {"kind", show::attachment_kind(attachment)},
                  {"mode", mode ? mode : ""}});
}

void add_interface(Families &families, const InterfaceStatus &one) {
    for (const RowStatus &row : one.rows) add_row(families, one.name, row);
    for (const DropStatus &drop : one.drops) add_drop(families, one.name, drop);
    families.add(FLOWS, one.live, {{"interface", one.name}});
    // A note that nobody renews says nothing of now.
    const Attached attached = is_fresh(one) ? one.attached : Attached{};
    add_hook(families, one.name, "ingress", attached.ingress, one.filtered);
    add_hook(families, one.name, "egress", attached.egress, one.filtered);
    families.add(CLOSED, one.closed ? 1.0 : 0.0, {{"interface", one.name}});
}

void add_host(Families &families, const Snapshot &snapshot) {
    const InForce &now = snapshot.in_force;
    const bool holds = now.state.record.interfaces != 0;
    families.add(POLICY, 1.0,
                 {{"policy", now.catalog.policy},
                  {"sha256", now.catalog.sha256},
                  {"matrix_sha256", now.catalog.matrix_sha256},
                  {"mode", mode_name(holds ? now.mode : PM_MODE_OFF)}});
    families.add(GENERATION, now.catalog.generation);
    if (now.catalog.applied_at)
        families.add(APPLIED, static_cast<double>(now.catalog.applied_at) / 1e9);
    const auto expired = std::ranges::count_if(
        now.catalog.rows, [&](const CatalogRow &row) { return has_expired(row, snapshot); });
    families.add(ROWS_EXPIRED, static_cast<double>(expired));
    families.add(CONFIRM_PENDING, now.seconds_left ? 1.0 : 0.0);
    families.add(ROLLBACKS, std::uint64_t{now.state.record.rollbacks});
    families.add(FLOW_CAPACITY, snapshot.flow_capacity);
    families.add(EVENTS_LOST, snapshot.events_lost);
}

void add_walk(Families &families, const Walk &walk) {
    families.add(FLOW_EVICTIONS, walk.evictions);
    families.add(FLOWS_UNSEEN, walk.never_seen);
    families.add(FLOW_RECORDS, walk.records);
    families.add(FLOW_WALK_TIME, walk.time);
    families.add(FLOW_WALK_DURATION, walk.duration);
}

}  // namespace

std::string metrics_text(const Reading &reading) {
    Families families;
    std::vector<std::string> detached = reading.gone;
    if (reading.snapshot) {
        add_host(families, *reading.snapshot);
        for (const InterfaceStatus &one : reading.snapshot->interfaces)
            add_interface(families, one);
    } else {
        families.add(GENERATION, 0.0);
        families.add(CONFIRM_PENDING, 0.0);
        // After a boot that failed no interface is known, and the exporter's service cannot see
        // those of the host. The alert needs the metric all the same.
        if (detached.empty()) detached.emplace_back();
    }
    for (const std::string &name : detached) {
        add_hook(families, name, "ingress", PM_DETACHED, false);
        add_hook(families, name, "egress", PM_DETACHED, false);
    }
    add_walk(families, reading.walk);
    families.add(PARACHUTE, reading.parachute && is_fresh(*reading.parachute) ? 1.0 : 0.0);
    families.add(WATCH_UP, reading.watch_up ? 1.0 : 0.0);
    families.add(BUILD, 1.0, {{"version", PM_VERSION}});
    return families.text();
}

}  // namespace pm::exporter
