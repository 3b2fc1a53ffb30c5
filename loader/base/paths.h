// SPDX-License-Identifier: Apache-2.0
// Where things lie on the host, and that nobody but root can write there.
#pragma once

#include <filesystem>
#include <vector>

#include "loader/base/fault.h"

namespace pm {

struct Paths {
    std::filesystem::path pins;   // PORTMATRIX_PIN_DIR, else /sys/fs/bpf/portmatrix
    std::filesystem::path state;  // PORTMATRIX_STATE_DIR, else /var/lib/portmatrix
    std::filesystem::path run;    // PORTMATRIX_RUN_DIR, else /run/portmatrix

    static Paths from_environment();
};

// Folders searched for includes: PORTMATRIX_POLICY_PATH, then the shipped policies.
std::vector<std::filesystem::path> include_path();

// The service's policy: PORTMATRIX_POLICY_FILE, else /etc/portmatrix/policy.yaml.
std::filesystem::path policy_file();

// Is it a folder that root owns and nobody else can write, reached through no link and through
// no folder in which others could replace it (a sticky one they cannot)? A fault says what is
// wrong; a folder that is missing is made with mode 0700 if `create` says so, its parents with
// 0755. Without `create` a missing folder is no fault: false.
Result<bool> check_private_folder(const std::filesystem::path &path, bool create);

}  // namespace pm
