// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/pin_events.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

namespace pm {
namespace fs = std::filesystem;

PinEvents::PinEvents() : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

void PinEvents::follow(const Paths &paths) const {
    if (!fd_) return;
    std::array<char, 8192> events;
    while (read(fd_.get(), events.data(), events.size()) > 0) {
    }
    auto add = [&](const fs::path &folder) {
        // Without one, the next look finds what has changed.
        (void)inotify_add_watch(fd_.get(), folder.c_str(),
                                IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_ONLYDIR);
    };
    add(paths.pins);
    std::error_code error;
    for (auto at = fs::directory_iterator(paths.pins, error);
         !error && at != fs::directory_iterator(); at.increment(error)) {
        std::error_code ignored;
        if (at->is_directory(ignored)) add(at->path());
    }
}

}  // namespace pm
