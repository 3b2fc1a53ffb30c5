// SPDX-License-Identifier: Apache-2.0
// The files of the web page. They are compiled into the program.
#pragma once

#include <optional>
#include <string>

#include "loader/export/server.h"

namespace pm::exporter {

// Nothing: there is no such file.
std::optional<Reply> page_file(const std::string &path);

}  // namespace pm::exporter
