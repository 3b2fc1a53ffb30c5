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
    static Result<Lock> writer(const Places &places);
    // Does not wait.
    static Result<Lock> writer_now(const Places &places);
    // For as long as `watch` runs: there is one on a host.
    static Result<Lock> watch(const Places &places);
    static bool is_watched(const Places &places);  // does it run?
    // For as long as events are read from the ring; refused if another one reads it.
    static Result<Lock> ring(const Places &places, unsigned number);
    // Waits: the probe programs take one question at a time.
    static Result<Lock> question(const Places &places);

private:
    // Tries as often, 10 ms apart.
    static Result<Lock> take(const Places &places, const char *name, const char *doing,
                             const char *remedy, int tries = 1);
    static Result<Lock> take_writers(const Places &places, int tries);
    explicit Lock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace pm
