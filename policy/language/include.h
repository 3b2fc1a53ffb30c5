// SPDX-License-Identifier: Apache-2.0
// Finds and reads the files that a policy consists of.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/language/document.h"

namespace pm {

struct ReadOptions {
    // Folders searched for includes after the including file's own (PORTMATRIX_POLICY_PATH,
    // then /usr/share/portmatrix/policies).
    std::vector<std::filesystem::path> include_path;
};

// A policy file and all that it includes, directly or not, each once, in the order in which
// they are first reached: the policy itself is number 0.
struct Files {
    std::vector<Document> documents;
    std::vector<std::vector<bool>> includes;  // [a][b]: a includes b, directly or not
};

// Leaves out files that cannot be found or read, cycles and too deep nesting.
Files load_files(const std::shared_ptr<const SourceFile> &policy, const ReadOptions &options,
                 Diagnostics &diagnostics);

}  // namespace pm
