// SPDX-License-Identifier: Apache-2.0
// A confirm deadline that has passed.
//
// At the deadline the programs go by the fallback by themselves: each packet compares the time.
// What is left for user space is to say so: publish the fallback as an epoch of its own, and record
// "expire" in the history. Whoever next holds the writer's lock does it, be it a command or
// `watch`.
#pragma once

#include <optional>
#include <string>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "maps/abi.h"

namespace pm {

class Pins;
class Switch;

// Does that if a deadline has passed. Returns the note for the user, or nothing if none has passed.
Result<std::optional<std::string>> settle_expiry(const Paths &paths, const Pins &pins,
                                                 Switch &control);

// Lists the interfaces as detached by command that `ended` filters and `fallback` does not, but for
// those of the confirmed generation, which are to be filtered. To be called before the fallback
// takes its place for good: they are open on purpose from then on.
Done list_unfiltered(const Paths &paths, const Pins &pins, const pm_record &ended,
                     const pm_record &fallback);

// The note of the last expiry, from the history; nothing if the policy was changed since. It says
// why there is nothing to confirm where another process has settled the expiry.
std::optional<std::string> last_expiry(const Paths &paths);

}  // namespace pm
