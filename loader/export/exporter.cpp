// SPDX-License-Identifier: Apache-2.0
#include "loader/export/exporter.h"

#include "loader/base/clock.h"
#include "loader/base/file.h"
#include "loader/base/host_name.h"
#include "loader/export/metrics.h"
#include "loader/export/page.h"
#include "loader/show/parachute.h"
#include "loader/show/show.h"

namespace pm::exporter {
namespace {

constexpr std::chrono::milliseconds fresh_for{200};

Reply unavailable(const Fault &fault) {
    return text_reply(503, fault.message + "\n");
}

// Whose figures these are: an administrator has the pages of several hosts open.
Reply host() {
    return text_reply(200, show::host_json(host_name(), realtime_ns()),
                      "application/json; charset=utf-8");
}

}  // namespace

template <typename Make>
Reply Exporter::fresh(Made &made, Make make) {
    const auto now = std::chrono::steady_clock::now();
    if (!made.reply.body || now - made.at > fresh_for) made = {now, make()};
    return made.reply;
}

Reply Exporter::metrics() {
    auto reading = reader_.read();
    if (!reading) return unavailable(reading.error());
    return text_reply(200, metrics_text(*reading), "text/plain; version=0.0.4; charset=utf-8");
}

// As `portmatrix status --json`: a line for each interface.
Reply Exporter::status() {
    auto reading = reader_.read();
    if (!reading) return unavailable(reading.error());
    std::string text;
    if (reading->parachute)
        text = show::parachute_json(*reading->parachute, is_fresh(*reading->parachute)
                                                             ? show::ParachuteTable::loaded
                                                             : show::ParachuteTable::unknown);
    if (reading->snapshot) text += show::status_json(*reading->snapshot);
    return text_reply(200, text, "application/x-ndjson; charset=utf-8");
}

Reply Exporter::answer(const std::string &path) {
    if (path == "/metrics") return fresh(metrics_, [&] { return metrics(); });
    if (path == "/status") return fresh(status_, [&] { return status(); });
    if (path == "/host") return host();
    if (path == "/-/healthy") return text_reply(200, "the exporter is healthy\n");
    if (auto file = page_file(path)) return *file;
    return text_reply(404, "there are /metrics, /status, /host, /-/healthy and the page at /\n");
}

Done Exporter::write_textfile(const std::string &file) {
    const Reply reply = metrics();
    if (reply.status != 200) return fault(*reply.body);
    // node_exporter reads it as another user.
    return write_file(file, *reply.body, 0644);
}

}  // namespace pm::exporter
