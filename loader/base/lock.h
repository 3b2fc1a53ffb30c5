// SPDX-License-Identifier: Apache-2.0
// One writer at a time: a lock that dies with its holder.
#pragma once

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "policy/base/fd.h"

namespace pm {

class Lock {
public:
    // Waits while others change something, ten seconds at most; then fails, and names who holds it.
    static Result<Lock> writer(const Paths &paths);
    // Does not wait.
    static Result<Lock> writer_now(const Paths &paths);
    // For as long as `watch` runs: there is one on a host.
    static Result<Lock> watch(const Paths &paths);
    static bool is_watched(const Paths &paths);  // does it run?
    // For as long as events are read from the ring; refused if another one reads it.
    static Result<Lock> ring(const Paths &paths, unsigned number);
    // Waits: the probe programs take one question at a time.
    static Result<Lock> probe(const Paths &paths);

private:
    // Tries as often, 10 ms apart.
    static Result<Lock> take(const Paths &paths, const char *name, const char *doing,
                             const char *remedy, int tries = 1);
    static Result<Lock> take_writers(const Paths &paths, int tries);
    explicit Lock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace pm
