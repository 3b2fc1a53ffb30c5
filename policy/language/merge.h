// SPDX-License-Identifier: Apache-2.0
// Merges a policy and its includes into one document:
//   a definition, row or setting of a file replaces that of the files which it includes, directly
//   or not
//   where neither of two files includes the other, their definitions must be equal
//   `remove` takes away rows of included files.
#pragma once

#include "policy/base/diagnostic.h"
#include "policy/language/document.h"
#include "policy/language/include.h"

namespace pm {

// Without `include` and `remove`; rows in the order in which they are tried.
Document merge(const Files &files, Diagnostics &diagnostics);

}  // namespace pm
