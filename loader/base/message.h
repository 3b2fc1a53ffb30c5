// SPDX-License-Identifier: Apache-2.0
// Messages on stderr. Nothing else writes to it.
#pragma once

#include <string>
#include <string_view>

#include "loader/base/fault.h"

namespace pm {

bool colour_on(int fd);  // it is a terminal, and NO_COLOR is not set

void print_fault(const Fault &fault);     // portmatrix: error: MESSAGE, and the hint
void print_note(std::string_view text);   // portmatrix: TEXT
void print_plain(std::string_view text);  // TEXT: rendered diagnostics, an indented last line

}  // namespace pm
