// SPDX-License-Identifier: Apache-2.0
// A policy as its author wrote it, comments and includes too: the text of each YAML file. Set files
// of addresses are none of them.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/base/diagnostic.h"

namespace pm {

// Bytes of all files together. What is larger is not kept.
constexpr std::size_t written_limit = std::size_t{1} << 20;

struct WrittenFile {
    std::string name;  // as it was given, or found
    std::string text;
};
using WrittenFiles = std::vector<WrittenFile>;  // the policy itself first

// Empty: they are larger than the limit.
WrittenFiles written_files(const std::vector<std::shared_ptr<const SourceFile>> &files);

std::string written_text(const WrittenFiles &files);  // as JSON; empty: there is none
std::optional<WrittenFiles> parse_written(const std::string &text);

}  // namespace pm
