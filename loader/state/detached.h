// SPDX-License-Identifier: Apache-2.0
// What `detach` took away by command, so that `watch` does not attach it again. A file in the run
// folder says it, until a policy is put in force there, or the host boots.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm {

struct Detached {
    bool all = false;                     // the last `detach` left nothing in force
    std::vector<std::string> names = {};  // of interfaces
};

// A fault: the file cannot be read. That is no short list.
Result<Detached> read_detached(const Paths &paths);
// Did the last `detach` leave nothing in force? What cannot be read does not say so.
bool is_all_detached(const Paths &paths);
// Replaces the file.
Done write_detached(const Paths &paths, const Detached &detached);

}  // namespace pm
