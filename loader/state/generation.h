// SPDX-License-Identifier: Apache-2.0
// What is stored about a generation beside its policy and image: its about.json (store.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/nic.h"
#include "maps/abi.h"

namespace pm {

struct Generation {
    std::uint64_t number = 0;
    std::string policy;            // its name
    std::string sha256;            // of the policy
    std::uint64_t applied_at = 0;  // ns since the epoch
    pm_mode mode = PM_MODE_ENFORCE;
    std::vector<std::string> interfaces;  // on which it was put in force
    // The same as NICs, and the other interfaces that the host had then, without the loopback.
    // Both empty: they were not recorded.
    std::vector<Nic> nics, others;
    std::string xdp = "auto";  // as the user asked: auto, native, generic
    std::uint32_t flow_capacity = 0;
    std::string image_sha256;
    // Paths from which its set files were read, in the order of the policy.
    std::vector<std::string> set_files;
    // Of an earlier release, both are empty:
    std::vector<std::string> set_sha256;      // the set files' contents, in the same order
    std::map<std::string, std::string> rows;  // what each row opens, see row_digests()
};

std::string about_text(const Generation &generation);
Result<Generation> read_about(const std::filesystem::path &path);

}  // namespace pm
