// SPDX-License-Identifier: Apache-2.0
// The set files of policies, as they are stored: each content once, under its SHA-256.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/model/model.h"

namespace pm {

// The items of a policy's sets that are files, in the order of Generation::set_files.
std::vector<SetItem *> file_items(Policy &policy);
std::vector<const SetItem *> file_items(const Policy &policy);

// Stores in `folder` what is not there yet. On return it is on disk.
Done save_set_files(const std::filesystem::path &folder, const Policy &policy);

// The SHA-256 of the set files in `folder` that a stored policy names. None where it is not there.
Result<std::set<std::string>> named_set_files(const std::filesystem::path &policy,
                                              const std::filesystem::path &folder);

}  // namespace pm
