// SPDX-License-Identifier: Apache-2.0
// Small files of the host, read and written whole. Links are not followed: whoever can put a link
// there could make us read or write another file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "loader/base/fault.h"

namespace pm {

// All of a regular file. One that breaks off is a fault, never a shorter text.
Result<std::string> read_file(const std::filesystem::path &path);

// What a folder has, in no order; nothing where there is no folder. A folder that cannot be read to
// its end is a fault, never a shorter list.
Result<std::vector<std::filesystem::path>> list_folder(const std::filesystem::path &path);

// Bytes that a file or folder itself takes; 0: it cannot be asked.
std::uint64_t size_on_disk(const std::filesystem::path &path);

// now: the file is on disk when the call returns; later: when the caller has synced the file
// system.
enum class Sync { now, later };

// Makes a new file. Whatever has the name is removed first: it may be left by a run that was
// killed, or be a link that others have put there.
Done write_new(const std::filesystem::path &path, std::string_view content, Sync sync = Sync::now,
               mode_t mode = 0600);

// Replaces the file: writes a new one beside it (".new"), syncs it, renames it, and syncs the
// folder. At any instant the file is the old or the new one, whole. Nothing that others have put
// into the folder is written to.
Done write_file(const std::filesystem::path &path, std::string_view content, mode_t mode = 0600);

// On return the names in the folder are on disk: files that were made, renamed or removed.
Done sync_folder(const std::filesystem::path &path);

}  // namespace pm
