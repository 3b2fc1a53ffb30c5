// SPDX-License-Identifier: Apache-2.0
#include "policy/base/errno_text.h"

#include <cctype>
#include <cstring>

#include <fmt/format.h>

namespace pm {

std::string errno_text(int error) {
    if (error < 0) error = -error;
    std::string text = std::strerror(error);
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    const char *name = strerrorname_np(error);
    return fmt::format("{} ({})", text, name ? name : std::to_string(error));
}

}  // namespace pm
