// SPDX-License-Identifier: Apache-2.0
// Writes intervals into an image: their bounds, an index over the bounds, their classes (struct
// pm_space of maps/image.h).
#pragma once

#include "maps/image.h"
#include "policy/image/intervals.h"
#include "policy/image/writer.h"

namespace pm {

pm_classes write_intervals(const Intervals &intervals, Writer &writer);

}  // namespace pm
