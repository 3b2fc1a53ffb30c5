// SPDX-License-Identifier: Apache-2.0
// What `watch` does for the parachute each time it looks, after it has put everything else right:
//
// 1. It loads the parachute again if others removed it.
// 2. It loads it if an interface of the confirmed policy is there and cannot be attached to.
// 3. While it is loaded, it tries to put the confirmed policy in force again, once a minute, and
//    takes the parachute away when that succeeds.
// 4. It has the parachute of the confirmed generation made if nobody makes it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "loader/base/paths.h"

namespace pm {

class ParachuteWatch {
public:
    explicit ParachuteWatch(Paths paths) : paths_(std::move(paths)) {}

    // Under the writer's lock. Adds a sentence for each thing that was done or is wrong.
    void look(std::vector<std::string> &sentences);

private:
    void raise(std::vector<std::string> &sentences);
    void try_again(std::vector<std::string> &sentences);
    void renew();
    bool is_due(double &last) const;

    Paths paths_;
    std::string reported_;  // the fault of the look before
    double tried_ = 0;      // monotonic seconds of the last try
    double renewed_ = 0;    // likewise
    pid_t renewal_ = 0;     // the process that makes it; 0: none
};

}  // namespace pm
