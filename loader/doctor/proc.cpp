// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/proc.h"

#include <sstream>

#include "loader/base/file.h"

namespace pm {

std::string read_word(const std::filesystem::path &path) {
    std::string word;
    std::istringstream(read_file(path).value_or(std::string())) >> word;
    return word;
}

}  // namespace pm
