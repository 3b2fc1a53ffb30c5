// SPDX-License-Identifier: Apache-2.0
// STATE/kept.json: of each stored generation what prune() must know of it, so that pruning reads no
// policy. It is made of the folders, and only saves time: what it does not have is read once, what
// it has too much is left out, and a damaged one is made anew.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "loader/base/fault.h"
#include "loader/state/retention.h"

namespace pm {

struct IndexedGeneration {
    StoredGeneration stored;
    std::uint64_t written_at = 0;  // mtime of its policy.yaml in ns: another is another generation
    bool has_image = true;         // false: it was removed
};
using GenerationIndex = std::map<std::uint64_t, IndexedGeneration>;  // by number

std::string index_text(const GenerationIndex &index);
GenerationIndex parse_index(const std::string &text);  // empty: it is damaged

// What is stored in `folder`. `known`: of the same generation, as of an earlier prune; null: none.
// A fault: the policy may name set files, and cannot be read.
Result<IndexedGeneration> index_generation(const std::filesystem::path &folder,
                                           const std::filesystem::path &sets,
                                           const IndexedGeneration *known);

}  // namespace pm
