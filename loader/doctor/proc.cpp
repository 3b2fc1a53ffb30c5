// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/proc.h"

#include <fstream>

namespace pm {

std::string read_word(const std::filesystem::path &path) {
    std::string word;
    std::ifstream(path) >> word;
    return word;
}

}  // namespace pm
