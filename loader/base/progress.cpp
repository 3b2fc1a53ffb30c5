// SPDX-License-Identifier: Apache-2.0
#include "loader/base/progress.h"

#include <utility>

#include <fmt/core.h>

namespace pm {
namespace {

constexpr const char *wipe = "\r\033[K";

void write_text(int terminal, const std::string &text) {
    // Whoever has closed the terminal learns nothing more.
    (void)!write(terminal, text.data(), text.size());
}

}  // namespace

Progress::Progress(std::string text, int terminal, std::chrono::milliseconds patience)
    : text_(std::move(text)), terminal_(terminal), patience_(patience) {
    if (isatty(terminal_)) thread_ = std::thread([this] { show(); });
}

Progress::~Progress() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        end_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Progress::show() {
    const auto begin = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    bool shown = false;
    while (!wake_.wait_for(lock, patience_, [&] { return end_; })) {
        const auto passed = std::chrono::duration_cast<std::chrono::seconds>(
            std::chrono::steady_clock::now() - begin);
        write_text(terminal_, fmt::format("{}portmatrix: {}, {} s", wipe, text_, passed.count()));
        shown = true;
    }
    if (shown) write_text(terminal_, wipe);
}

}  // namespace pm
