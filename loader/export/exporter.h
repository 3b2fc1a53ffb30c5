// SPDX-License-Identifier: Apache-2.0
// What the exporter answers: metrics, the state as JSON, health, and the page.
//
// Three threads do the work. The command (commands/export.cpp) owns Walker, HostNames, Reader,
// Exporter and Server, and ends them in the reverse order.
//
//   thread            does                                     uses
//   the command's     Server::serve(): accepts                 Connections
//   libmicrohttpd's   asks HostNames, Exporter::answer()       Connections, Exporter, its Reader
//   the walker's      walks the flow tables (walker.h)         FlowTracker, the flow sinks
//
// With --textfile there is a fourth, which calls write_textfile() of an Exporter of its own. So an
// Exporter belongs to one thread and needs no lock. Only two things are shared, each with a mutex:
// the list of Connections, and the result of the last Walk, which each Reader takes.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "loader/base/fault.h"
#include "loader/export/reading.h"
#include "loader/export/server.h"

namespace pm::exporter {

class Exporter {
public:
    explicit Exporter(Reader reader) : reader_(std::move(reader)) {}

    Reply answer(const std::string &path);

    // The metrics for node_exporter. The file is replaced by a rename: it is never read half
    // written.
    Done write_textfile(const std::string &file);

private:
    // Many may ask at once: an answer is kept for a moment (`fresh_for`) and given to all.
    struct Made {
        std::chrono::steady_clock::time_point at;
        Reply reply;
    };
    template <typename Make>
    Reply fresh(Made &made, Make make);
    Reply metrics();
    Reply status();

    Reader reader_;
    Made metrics_, status_;
};

}  // namespace pm::exporter
