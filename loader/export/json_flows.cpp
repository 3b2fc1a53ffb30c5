// SPDX-License-Identifier: Apache-2.0
// Flow records as lines of JSON. The reasons are named after IPFIX' flowEndReason.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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

// A link is not followed: where others may write to the folder, it leads anywhere. O_NONBLOCK: to
// open a pipe would wait for its reader.
Result<Fd> open_file(const std::string &path) {
    constexpr int flags =
        O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const auto refused = [&](const char *what) {
        return fault(fmt::format("{} is {}", path, what),
                     "name a new file; - is the standard output", Exit::refused);
    };
    Fd file(path == "-" ? Fd::copy_of(STDOUT_FILENO) : Fd(open(path.c_str(), flags, 0640)));
    if (path == "-" && file) return file;
    if (!file && errno == ELOOP) return refused("a link");
    if (!file && errno == ENXIO) return refused("no regular file");  // a pipe without a reader
    struct stat status = {};
    if (!file || fstat(file.get(), &status) != 0)
        return cannot(fmt::format("write {}", path), errno);
    if (!S_ISREG(status.st_mode)) return refused("no regular file");
    if (status.st_nlink > 1) return refused("a file with another name too");
    return file;
}

class JsonSink : public FlowSink {
public:
    explicit JsonSink(std::string path) : path_(std::move(path)) {}

    void begin(const FlowNames &names, const FlowClock &clock) override {
        names_ = names;
        clock_ = clock;
        auto file = open_file(path_);
        if (!file) complain(file.error().message);
        file_ = file ? std::move(*file) : Fd();
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
                complain(fmt::format("cannot write {}: {}", path_, errno_text(error)));
            else
                complained_ = false;
        }
        text_.clear();
    }
    void complain(const std::string &why) {
        if (!std::exchange(complained_, true)) print_note("flow records are lost: " + why);
    }

    std::string path_, text_;
    Fd file_;
    FlowNames names_;
    FlowClock clock_;
    bool complained_ = false;
};

}  // namespace

Result<std::unique_ptr<FlowSink>> open_json_flows(const std::string &path) {
    if (const auto file = open_file(path); !file) return tl::unexpected(file.error());
    return std::make_unique<JsonSink>(path);
}

}  // namespace pm::exporter
