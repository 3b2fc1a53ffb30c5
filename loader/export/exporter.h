// SPDX-License-Identifier: Apache-2.0
// What the exporter answers: metrics, the state as JSON, health, and the page.
#pragma once

#include <chrono>
#include <string>

#include "loader/export/reading.h"
#include "loader/export/server.h"

namespace pm::exporter {

class Exporter {
public:
    explicit Exporter(Reader reader) : reader_(std::move(reader)) {}

    Reply answer(const std::string &path);

    // The metrics for node_exporter, written aside and renamed, so that it never reads half of one.
    Done write_textfile(const std::string &file);

private:
    // An answer that many ask for at once is made once.
    struct Made {
        std::chrono::steady_clock::time_point at;
        Reply reply;
    };
    template <class Make>
    Reply fresh(Made &made, Make make);
    Reply metrics();
    Reply status();

    Reader reader_;
    Made metrics_, status_;
};

}  // namespace pm::exporter
