// SPDX-License-Identifier: Apache-2.0
// The socket RUN/watch.sock, by which root asks the running `watch` about an interface that has
// just come: the name of the interface goes in, and the answer comes once `watch` has looked. One
// packet each way; the first byte of the answer is '0' if all is well, else '1'.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "policy/base/fd.h"

namespace pm {

class WatchSocket {
public:
    // The caller holds Lock::watch(): a socket that is there was left by another.
    static Result<WatchSocket> listen(const Paths &paths);

    int fd() const { return fd_.get(); }  // readable when somebody asks

    // Takes the questions that have come. Processes of other users than root get no answer.
    void receive();
    // Are there questions without an answer?
    bool is_asked() const { return !questions_.empty(); }
    // Answers those that were received before the look. A fault is what went wrong.
    void answer(const std::function<Result<std::string>(const std::string &)> &about);

private:
    explicit WatchSocket(Fd fd) : fd_(std::move(fd)) {}

    struct Question {
        Fd client;
        std::string name;  // empty: it has not come yet
        double since;      // monotonic_seconds()
    };

    Fd fd_;
    std::vector<Question> questions_;
};

// Asks `watch`, and waits some seconds for its answer. No value: no `watch` listens.
Result<std::optional<std::string>> ask_watch(const Paths &paths, std::string_view name);

}  // namespace pm
