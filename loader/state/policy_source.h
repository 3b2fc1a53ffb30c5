// SPDX-License-Identifier: Apache-2.0
// A policy from its file to what can be applied or asked.
#pragma once

#include <optional>
#include <string>

#include "loader/base/fault.h"
#include "policy/base/diagnostic.h"
#include "policy/image/compile.h"
#include "policy/model/model.h"

namespace pm {

// A policy that was read. `image` is compiled for its own interfaces, and missing where there
// are errors.
struct Source {
    std::optional<Policy> policy;  // also beside errors, if only `required` sets are missing
    std::optional<Image> image;
    Diagnostics diagnostics;
};

// What becomes of the policy's own `expect` list.
enum class Expectations { ask, skip };

// Reads and compiles, and asks the policy's expectations or skips them. The fault is that
// the file cannot be read, or of the compiler (a limit); what is wrong in the file, and with those
// that it names, stands in the diagnostics.
Result<Source> read_source(const std::string &path, Expectations expectations);

// The same for text at hand, which messages call `name`.
Result<Source> read_source_text(std::string text, const std::string &name,
                                Expectations expectations);

}  // namespace pm
