// SPDX-License-Identifier: Apache-2.0
// Intervals as the image holds them: bounds, a direct index over them, classes.
#pragma once

#include "maps/image.h"
#include "policy/image/intervals.h"
#include "policy/image/writer.h"

namespace pm {

pm_classes write_intervals(const Intervals &intervals, Writer &writer);

}  // namespace pm
