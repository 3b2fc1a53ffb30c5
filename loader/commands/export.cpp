// SPDX-License-Identifier: Apache-2.0
// The command export: metrics and the page over HTTP, flow records to collectors. It reads the
// pinned maps and nothing else, so the only privilege that it needs is to open them.
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <systemd/sd-daemon.h>

#include "loader/base/duration.h"
#include "loader/base/message.h"
#include "loader/base/paths.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/export/exporter.h"
#include "loader/export/flow_sinks.h"
#include "loader/export/host_names.h"
#include "loader/export/listener.h"
#include "loader/export/reading.h"
#include "loader/export/server.h"
#include "loader/export/walker.h"
#include "loader/kernel/pins.h"

namespace pm::command {
namespace {

using namespace pm::exporter;

constexpr const char *default_listen = "9927";
constexpr int textfile_interval_ms = 15'000;
// Seconds. A flow that was reset is listed for 10 only, so that longer pauses miss too many.
constexpr std::uint64_t longest_interval = 30;

Result<std::vector<Fd>> open_listeners(const ExportArguments &arguments) {
    auto listeners = inherited_listeners();
    if (!listeners) return listeners;
    std::vector<std::string> wanted = arguments.listen;
    if (wanted.empty() && listeners->empty() && arguments.ipfix.empty() &&
        arguments.json_flows.empty() && arguments.textfile.empty())
        wanted.emplace_back(default_listen);
    for (const std::string &where : wanted) {
        auto more = listen_on(where);
        if (!more) return more;
        for (Fd &one : *more) listeners->push_back(std::move(one));
    }
    return listeners;
}

Result<std::vector<std::unique_ptr<FlowSink>>> open_sinks(const ExportArguments &arguments) {
    std::vector<std::unique_ptr<FlowSink>> sinks;
    for (const std::string &target : arguments.ipfix) {
        auto sink = open_ipfix(target);
        if (!sink) return tl::unexpected(sink.error());
        sinks.push_back(std::move(*sink));
    }
    if (!arguments.json_flows.empty()) {
        auto sink = open_json_flows(arguments.json_flows);
        if (!sink) return tl::unexpected(sink.error());
        sinks.push_back(std::move(*sink));
    }
    return sinks;
}

Result<Walker::Options> walker_options(const ExportArguments &arguments) {
    Walker::Options options;
    auto interval = parse_duration(arguments.interval);
    if (!interval) return tl::unexpected(interval.error());
    if (*interval > longest_interval)
        return fault("--interval: '" + arguments.interval + "' is longer than 30s",
                     "short flows would end unseen", Exit::usage);
    auto active = parse_duration(arguments.active_timeout);
    if (!active) return tl::unexpected(active.error());
    options.interval = *interval;
    options.active = *active;
    return options;
}

// Each connection and each map is a descriptor.
void raise_file_limit() {
    rlimit limit = {};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// Until `ends` is readable. The same fault is printed once.
void write_textfiles(Exporter exporter, const std::string &file, int ends) {
    std::string said;
    pollfd wait = {ends, POLLIN, 0};
    do {
        auto wrote = exporter.write_textfile(file);
        if (!wrote && wrote.error().message != said) print_note(said = wrote.error().message);
        if (wrote) said.clear();
    } while (poll(&wait, 1, textfile_interval_ms) == 0);
}

}  // namespace

int run_export(const ExportArguments &arguments) {
    const Paths paths = Paths::from_environment();
    auto options = walker_options(arguments);
    if (!options) return end(options.error());
    auto names = HostNames::of_this_host(arguments.host_names);
    if (!names) return end(names.error());
    // Pins that cannot be opened now are a fault of the set-up. Later this is the answer to a
    // scrape.
    if (auto pins = Pins::open(paths, Access::read); !pins) return end(pins.error());
    auto sinks = open_sinks(arguments);
    if (!sinks) return end(sinks.error());
    auto listeners = open_listeners(arguments);
    if (!listeners) return end(listeners.error());

    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    const Fd ends = end_signals();
    const Walker walker(paths, *options, std::move(*sinks));
    const Reader reader(paths, arguments.interfaces, walker);
    Exporter exporter(reader);
    auto server = Server::start(std::move(*listeners), [&](const Request &request) {
        auto refused = names->refuse(request);
        return refused ? *refused : exporter.answer(request.path);
    });
    if (!server) return end(server.error());
    std::jthread textfiles;
    if (!arguments.textfile.empty())
        textfiles = std::jthread(write_textfiles, Exporter(reader), arguments.textfile, ends.get());
    sd_notify(0, "READY=1\nSTATUS=exporting");
    (*server)->serve(ends.get());
    sd_notify(0, "STOPPING=1");
    return end(Exit::done);
}

}  // namespace pm::command
