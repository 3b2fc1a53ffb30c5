// SPDX-License-Identifier: Apache-2.0
// Flow records as lines of JSON. The reasons are named after IPFIX' flowEndReason.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/export/flow_sinks.h"
#include "loader/kernel/flow_table.h"
#include "loader/observe/flow_reader.h"
#include "loader/show/show.h"
#include "policy/base/errno_text.h"
#include "policy/base/fd.h"
#include "policy/base/whole_file.h"

namespace pm::exporter {
namespace {

constexpr std::size_t write_at = std::size_t{1} << 16;

const char *reason_word(EndReason reason) {
    switch (reason) {
        case EndReason::idle:
            return "idle-timeout";
        case EndReason::active:
            return "active-timeout";
        case EndReason::detected:
            return "end-detected";
        case EndReason::forced:
            return "forced-end";
        case EndReason::evicted:
            return "lack-of-resources";
    }
    return "";
}

class JsonSink : public FlowSink {
public:
    explicit JsonSink(std::string path) : path_(std::move(path)) {}

    void begin(const FlowNames &names, const FlowClock &clock) override {
        names_ = names;
        clock_ = clock;
        file_ = path_ == "-"
                    ? Fd::copy_of(STDOUT_FILENO)
                    : Fd(open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
        if (!file_) complain(errno);
    }
    void record(const FlowRecord &record) override {
        Flow flow = {.interface = names_.interface(record.key),
                     .row = names_.row(record.flow),
                     .key = record.key,
                     .value = record.flow,
                     .state = flow_state(record.key, record.flow),
                     .age = seconds_since(record.flow.start, clock_.stamp),
                     .idle = seconds_since(record.flow.last, clock_.stamp)};
        std::ranges::copy(record.packets, flow.value.packets);
        std::ranges::copy(record.bytes, flow.value.bytes);
        const show::FlowRecordHead head = {
            .event = record.reason == EndReason::active ? "update" : "end",
            .reason = reason_word(record.reason),
            .time = clock_.realtime_ms,
            .start = clock_.ms(record.flow.start),
            .last = clock_.ms(record.flow.last)};
        text_ += show::flow_record_json(head, flow);
        if (text_.size() >= write_at) write_out();
    }
    void end() override {
        write_out();
        file_ = Fd();
    }

private:
    void write_out() {
        if (file_ && !text_.empty()) {
            const int error = write_whole(file_.get(), text_);
            if (error != 0)
                complain(error);
            else
                complained_ = false;
        }
        text_.clear();
    }
    void complain(int error) {
        if (!std::exchange(complained_, true))
            print_note(fmt::format("flow records are lost: cannot write {}: {}", path_,
                                   errno_text(error)));
    }

    std::string path_, text_;
    Fd file_;
    FlowNames names_;
    FlowClock clock_;
    bool complained_ = false;
};

}  // namespace

Result<std::unique_ptr<FlowSink>> open_json_flows(const std::string &path) {
    if (path != "-") {
        const Fd file(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
        if (!file) return cannot(fmt::format("write {}", path), errno);
    }
    return std::make_unique<JsonSink>(path);
}

}  // namespace pm::exporter
