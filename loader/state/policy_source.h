// SPDX-License-Identifier: Apache-2.0
// From the file of a policy to an image that can be applied or asked.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/base/diagnostic.h"
#include "policy/image/compile.h"
#include "policy/model/model.h"

namespace pm {

// A policy that was read. The image is compiled for the policy's own interfaces; there is none if
// there are errors.
struct Source {
    std::optional<Policy> policy;  // also beside errors, if only `required` sets are missing
    std::optional<Image> image;
    std::size_t expectations = 0;  // that were asked and describe a packet
    Diagnostics diagnostics;
    std::vector<std::shared_ptr<const SourceFile>> files = {};  // the YAML files, the policy first
};

// What becomes of the policy's own `expect` list.
enum class Expectations { ask, skip };

// Reads and compiles a policy: a file, `-` for the standard input, or the name of a shipped policy,
// if it has no folder and is no file here. A fault: the file cannot be read, or the compiler meets
// a limit. What is wrong in the file, or in files that it names, stands in the diagnostics.
Result<Source> read_source(const std::string &path, Expectations expectations);

// The same for a text, which messages call `name`.
Result<Source> read_source_text(std::string text, const std::string &name,
                                Expectations expectations);

}  // namespace pm
