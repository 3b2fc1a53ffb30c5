// SPDX-License-Identifier: Apache-2.0
// A Reading as metrics. metrics.def is the list of all metrics: their names, labels and help; what
// value each gets is in metrics.cpp. A metric without a value is left out of the text.
#pragma once

#include <string>

#include "loader/export/reading.h"

namespace pm::exporter {

// In Prometheus' text format.
std::string metrics_text(const Reading &reading);

}  // namespace pm::exporter
