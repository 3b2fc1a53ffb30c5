// SPDX-License-Identifier: Apache-2.0
// Locks between the processes of portmatrix. The kernel releases a lock when its holder ends,
// however it ends.
#pragma once

#include <utility>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "policy/base/fd.h"

namespace pm {

class Lock {
public:
    // To change what is in force. Waits ten seconds at most while another process does; then fails
    // and names it.
    static Result<Lock> writer(const Paths &paths);
    // The same without waiting.
    static Result<Lock> writer_now(const Paths &paths);
    // Does another process hold it? True where that cannot be told.
    static bool is_changing(const Paths &paths);
    // To run `watch`, which there is once on a host.
    static Result<Lock> watch(const Paths &paths);
    static bool is_watched(const Paths &paths);  // does a `watch` run?
    // To read events from the ring of this number; refused if another process reads them.
    static Result<Lock> ring(const Paths &paths, unsigned number);
    // To render the parachute; refused if another process does.
    static Result<Lock> parachute(const Paths &paths);
    // To ask the probe programs, which answer one probe at a time. Waits.
    static Result<Lock> probe(const Paths &paths);

private:
    // A lock file, and the words for who holds it already.
    struct Kind {
        const char *file;
        const char *doing;  // what the holder does
        const char *remedy;
    };
    static const Kind writers, watchers;
    // Tries `tries` times, 10 ms apart.
    static Result<Lock> acquire(const Paths &paths, const Kind &kind, int tries);
    explicit Lock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace pm
