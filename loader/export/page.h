// SPDX-License-Identifier: Apache-2.0
// The web page's files, which are part of the program.
#pragma once

#include <optional>
#include <string>

#include "loader/export/server.h"

namespace pm::exporter {

std::optional<Reply> page_file(const std::string &path);

}  // namespace pm::exporter
