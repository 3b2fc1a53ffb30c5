// SPDX-License-Identifier: Apache-2.0
// One writer at a time: a lock that dies with its holder.
#pragma once

#include "loader/fault.h"
#include "loader/fd.h"
#include "loader/places.h"

namespace pm {

class Lock {
public:
    // Fails at once if another process holds it, and names that one.
    static Result<Lock> writer(const Places &places);
    // Waits: the probe programs take one question at a time.
    static Result<Lock> question(const Places &places);

private:
    explicit Lock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace pm
