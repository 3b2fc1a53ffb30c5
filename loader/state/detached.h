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
// `names` without those that are detached.
Result<std::vector<std::string>> without_detached(const Paths &paths,
                                                  std::vector<std::string> names);
// Replaces the file.
Done write_detached(const Paths &paths, const Detached &detached);

}  // namespace pm
