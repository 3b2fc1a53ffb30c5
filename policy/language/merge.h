// SPDX-License-Identifier: Apache-2.0
// One document from a policy and its includes. A file's definitions replace those of the files
// that it includes, directly or not; files that do not include each other must not differ.
#pragma once

#include "policy/language/include.h"

namespace pm {

// Without `include` and `remove`; rows in the order in which they are tried.
Document merge(const Files &files, Diagnostics &diagnostics);

}  // namespace pm
