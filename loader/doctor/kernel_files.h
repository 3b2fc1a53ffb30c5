// SPDX-License-Identifier: Apache-2.0
// A kernel that is installed: its image, and the modules that a trial of the programs needs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loader/base/fault.h"

namespace pm {

struct KernelModule {
    std::string name;  // "veth.ko", "veth.ko.xz"
    std::string content;
};

struct KernelFiles {
    std::string image;
    std::vector<KernelModule> modules;  // in the order in which they are loaded
};

// `version` as 'uname -r' says it, of what is installed below `root`. A module that the kernel has
// built in is none. Faults name the package.
Result<KernelFiles> read_kernel(const std::filesystem::path &root, const std::string &version,
                                const std::vector<std::string> &modules);

}  // namespace pm
