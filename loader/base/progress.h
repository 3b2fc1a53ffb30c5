// SPDX-License-Identifier: Apache-2.0
// Says on a terminal what a command is doing, if that takes longer than a second: the kernel's
// first look at the programs, or a list of a million addresses.
#pragma once

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace pm {

// Shown as "portmatrix: TEXT, 3 s" on a line that is wiped when the object ends. Where `terminal`
// is no terminal there is neither a line nor a thread. Inner steps may have one of their own while
// an outer one is shown: the line is that of whoever wrote last.
class Progress {
public:
    explicit Progress(std::string text, int terminal = STDERR_FILENO,
                      std::chrono::milliseconds patience = std::chrono::seconds(1));
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;
    ~Progress();

private:
    void show();

    std::string text_;
    int terminal_;
    std::chrono::milliseconds patience_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool end_ = false;
    std::thread thread_;
};

}  // namespace pm
