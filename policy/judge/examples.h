// SPDX-License-Identifier: Apache-2.0
// Packets to ask the programs about, found in a compiled image alone: for each direction one that a
// row of it passes and one that it drops.
#pragma once

#include <vector>

#include "maps/image.h"
#include "maps/lookup.h"
#include "policy/image/catalog.h"
#include "policy/judge/question.h"

namespace pm {

// `interface`: the number in the image of the interface that they go by. There are fewer than four
// where no row passes anything, or where the search, which is bounded, finds no packet.
std::vector<Question> example_questions(pm_view image, const Catalog &catalog, unsigned interface);

}  // namespace pm
