// SPDX-License-Identifier: Apache-2.0
// A first root file system for a kernel, packed in memory: a cpio archive in the format "newc"
// (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). All in it is root's.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "loader/base/fault.h"

namespace pm {

class Initramfs {
public:
    // `path` is absolute. The folders that it is in are made too.
    void add_folder(const std::filesystem::path &path);
    void add_file(const std::filesystem::path &path, std::string_view content, bool runs = false);

    // This very program as `path`, and the libraries that it runs with: the loader of programs
    // where the program names it, the others in /lib.
    Done add_this_program(const std::filesystem::path &path);

    std::string packed() const;  // nothing more can be added to what it returns

private:
    void add(const std::string &name, unsigned mode, std::string_view content);

    std::string archive_;
    std::set<std::string> folders_;
    unsigned inode_ = 0;
};

}  // namespace pm
