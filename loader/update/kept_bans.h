// SPDX-License-Identifier: Apache-2.0
// The list of bans, and what is banned in force beside it: by the programs, and by the parachute
// where nftables filters instead of them.
//
// The list may be lost, or be an older copy, while they go on. What they ban and no line of the
// list names, or none for so long, is kept then, as a ban of the owner `unknown`: the last end
// holds. What was banned in an earlier boot goes by its line, also where that has ended: in force
// it may have another end if the clock was set.
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

// `control`: the programs that are in force; null: none are. Without it they are looked for, and
// none are where they cannot be read.
Result<KeptBans> read_kept_bans(const Paths &paths, const Switch *control);
Result<KeptBans> read_kept_bans(const Paths &paths);

// What is banned in force for longer than by `bans`, as the clock was set.
Result<std::vector<Ban>> banned_beyond(const Switch &control, const std::vector<Ban> &bans);

// That bans are in force which no line names; empty: there are none. And what a command that keeps
// them says of it.
std::string unlisted_fact(const KeptBans &bans);
std::string unlisted_warning(const KeptBans &bans);  // the same, and what a reboot would do
std::string unlisted_text(const KeptBans &bans);

// What is to be done about them where nothing is changed.
inline constexpr const char *unlisted_remedy =
    "'portmatrix bans' shows what is banned; the next ban, unban, apply or restore writes it into "
    "the list";

}  // namespace pm
