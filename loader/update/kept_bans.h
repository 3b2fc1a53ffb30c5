// SPDX-License-Identifier: Apache-2.0
// The list of bans, and what the programs ban beside it.
//
// The list may be lost, or be an older copy, while the programs go on. What they ban and no line of
// the list names is kept then, as a ban of the owner `unknown`. What the list names goes by the
// list, also where a ban of it has ended: the programs may have another end if the clock was set.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/switch.h"
#include "policy/image/ban_image.h"
#include "policy/model/bans.h"

namespace pm {

struct KeptBans {
    std::vector<Ban> listed;
    std::vector<Ban> unlisted;  // of the owner `unknown`, created now

    std::vector<Ban> all() const;
};

// `control`: what is in force; null: nothing is.
Result<KeptBans> read_kept_bans(const Paths &paths, const Switch *control);

// What is banned in force for longer than by `bans`, as the clock was set.
Result<std::vector<Ban>> banned_beyond(const Switch &control, const std::vector<Ban> &bans);

// What the user should know of bans that no line names; empty: there are none.
std::string unlisted_text(const KeptBans &bans);

}  // namespace pm
