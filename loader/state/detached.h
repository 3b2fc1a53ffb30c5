// SPDX-License-Identifier: Apache-2.0
// The interfaces that `detach -i` took away, so that `watch` does not attach them again. A file in
// the run folder has their names, until a policy is put in force on them or the host boots.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

Result<std::vector<std::string>> detached_names(const Paths &paths);
// `names` without those that are detached. If it cannot be read which are, all: what is filtered
// though nobody wants it can be detached again, and what is open is seen by nobody.
std::vector<std::string> without_detached(const Paths &paths, std::vector<std::string> names);
// Replaces the file.
Done set_detached_names(const Paths &paths, const std::vector<std::string> &names);

}  // namespace pm
