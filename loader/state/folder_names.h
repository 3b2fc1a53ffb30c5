// SPDX-License-Identifier: Apache-2.0
// The names of the folders in STATE/generations (store.h).
#pragma once

#include <cstdint>
#include <filesystem>

#include "policy/base/text.h"

namespace pm {

inline constexpr const char *unconfirmed_suffix = ".unconfirmed";

// The number of a generation, confirmed or not; 0: the folder is none.
inline std::uint64_t generation_number(const std::filesystem::path &folder) {
    const std::string extension = folder.extension();
    if (!extension.empty() && extension != unconfirmed_suffix) return 0;
    const std::string name = folder.stem();
    return name.size() > 18 ? 0 : parse_digits<std::uint64_t>(name).value_or(0);
}

inline bool is_unconfirmed(const std::filesystem::path &folder) {
    return folder.extension() == unconfirmed_suffix;
}

}  // namespace pm
