// SPDX-License-Identifier: Apache-2.0
// What `watch` does for the parachute each time it looks, after it has put everything else right:
//
// 1. It loads the parachute again if others removed it.
// 2. It loads it if an interface of the confirmed policy is there and cannot be attached to.
// 3. While another than that of the confirmed generation is loaded, it tries to load that.
// 4. It takes the parachute away if the programs filter everything again.
// 5. It has the parachute of the confirmed generation made if nobody makes it.
// 6. It has bans end when the list says, once the clock was set.
// 7. It holds a copy of what is loaded, which others cannot flush (copy.h).
//
// What fails is tried again after a pause (base/retry.h), and stands in the history once.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "loader/base/paths.h"
#include "loader/base/retry.h"
#include "loader/rescue/copy.h"
#include "loader/rescue/devices.h"
#include "loader/rescue/raise.h"

namespace pm {

class ParachuteWatch {
public:
    explicit ParachuteWatch(Paths paths) : paths_(std::move(paths)), copy_(paths_) {}

    void clock_was_set() { bans_due_ = true; }
    // Under the writer's lock. Adds a sentence for each thing that was done or is wrong. `list`:
    // does it have the bans that were in force alone, and go by the clock as it is set now?
    enum class BanList { behind, whole };
    void look(BanList list, std::vector<std::string> &sentences);
    // Why the parachute is needed and is not loaded; empty: that is not so.
    const std::string &problem() const { return reported_; }

private:
    ParachuteChange load(const Coverage &coverage);
    void keep_loaded(std::vector<std::string> &sentences);
    void improve(std::vector<std::string> &sentences);
    void make();
    void place_bans(BanList list);

    Paths paths_;
    ParachuteCopy copy_;
    Retry loaded_, improved_, made_;
    std::string reported_;  // why it could not be loaded
    pid_t maker_ = 0;       // the process that makes it; 0: none
    bool bans_due_ = true;
};

}  // namespace pm
