// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "loader/export/reading.h"

namespace pm::exporter {

// In Prometheus' text format; the metrics are those of metrics.def.
std::string metrics_text(const Reading &reading);

}  // namespace pm::exporter
