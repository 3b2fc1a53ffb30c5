// SPDX-License-Identifier: Apache-2.0
// Where things lie on the host, and the check that nobody but root can write there.
#pragma once

#include <filesystem>
#include <vector>

#include "loader/base/fault.h"

namespace pm {

struct Paths {
    std::filesystem::path pins;   // PORTMATRIX_PIN_DIR, else /sys/fs/bpf/portmatrix
    std::filesystem::path state;  // PORTMATRIX_STATE_DIR, else /var/lib/portmatrix
    std::filesystem::path run;    // PORTMATRIX_RUN_DIR, else /run/portmatrix

    // For `restore --downgrade`: maps of a newer layout count as what others have left
    // (attach/takeover.h). They stay until other maps are made in their place.
    bool leaves_newer = false;

    static Paths from_environment();
};

// Folders that are searched for includes: those of PORTMATRIX_POLICY_PATH, then the shipped ones.
std::vector<std::filesystem::path> include_path();

// The policy file that the service applies: PORTMATRIX_POLICY_FILE, else
// /etc/portmatrix/policy.yaml.
std::filesystem::path policy_file();

// A private folder belongs to root, and nobody else can write to it. No link is on the way to it,
// and no folder in which others could replace the next one; in a sticky folder they cannot.

// Is there such a folder? False: there is nothing. A fault: what is there is no private folder.
Result<bool> has_private_folder(const std::filesystem::path &path);

// Makes the folder where there is none, with mode 0700, and its parents with 0755. A fault: what is
// there is no private folder.
Done make_private_folder(const std::filesystem::path &path);

}  // namespace pm
