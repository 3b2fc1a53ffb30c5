// SPDX-License-Identifier: Apache-2.0
// Adapts a compiled policy to a host where interfaces have other numbers, or rows other counters,
// than those it was compiled for.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "maps/image.h"
#include "policy/image/compile.h"

namespace pm {

// Writes into the header which zone each interface number is in. `zones`: the names of the
// policy's interfaces, or none where its rows hold everywhere. `names`: by interface number, empty
// where the number is free.
void assign_zones(const std::vector<std::string> &zones, const std::vector<std::string> &names,
                  pm_image &header);

// Fits an image to `options` (interfaces, slots, last_slot) as compile() would have. Fails,
// and leaves it as it was, if it is damaged or of another layout, or if an interface is to be
// closed: for that the policy must be compiled anew.
tl::expected<void, std::string> relocate(Image &image, const CompileOptions &options);

}  // namespace pm
