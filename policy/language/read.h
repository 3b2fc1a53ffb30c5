// SPDX-License-Identifier: Apache-2.0
// Reads a policy from its files. The text goes through these steps:
//
//   yaml.h          text to nodes with positions; yaml_input.h guards what the parser gets
//   document.h      nodes of one file to a Document: rows, sets, expectations as written.
//                   read_document.cpp calls the readers of sections.h, which use fields.h (kinds
//                   and keys of nodes) and words.h (numbers, names, ports, rates)
//   include.h       the policy and all that it includes: a Document for each file
//   merge.h         all Documents to one, by the rules of what replaces what
//   resolve.h       names to what they stand for: the Policy of policy/model. resolve_sets.h finds
//                   the addresses of sets, set_file.h reads files of addresses, place_roles.h finds
//                   the interfaces of roles, names.h knows all names
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/language/include.h"
#include "policy/model/model.h"

namespace pm {

// Without an error, the policy is whole: all names and sets are resolved. Where `required` sets
// that nobody has defined are the only errors, the policy is there too, so that `check` can print
// the matrix.
struct ReadResult {
    std::optional<Policy> policy;
    Diagnostics diagnostics;
    bool unreadable = false;  // the policy file itself; the one error says why
    // The YAML files that were read, the policy itself first.
    std::vector<std::shared_ptr<const SourceFile>> files = {};
};

ReadResult read_policy(const std::filesystem::path &path, const ReadOptions &options);

// The same for text that is at hand, such as a printed policy; `name` is what messages call it,
// and relative paths begin beside it.
ReadResult read_policy_text(std::string text, const std::string &name, const ReadOptions &options);

}  // namespace pm
