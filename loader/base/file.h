// SPDX-License-Identifier: Apache-2.0
// Small files of the host, read and written whole. Links are not followed: whoever could put one
// there would have us read or write another file.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "loader/base/fault.h"

namespace pm {

Result<std::string> read_file(const std::filesystem::path &path);

// Is it on disk when the call returns, or when the caller has synced what it lies on?
enum class Sync { now, later };

// Makes the file anew. Whatever has the name is removed first: what a run left that was killed, or
// a link that others have put there.
Done write_new(const std::filesystem::path &path, std::string_view content, Sync sync = Sync::now,
               mode_t mode = 0600);

// Writes beside the file (".new"), syncs, and renames: what is there is the old or the new, whole.
// Nothing that others have put into the folder is written to.
Done write_file(const std::filesystem::path &path, std::string_view content, mode_t mode = 0600);

// On return the names in the folder are on disk.
Done sync_folder(const std::filesystem::path &path);

}  // namespace pm
