// SPDX-License-Identifier: Apache-2.0
// Reading and writing all of an open file, whatever interrupts it (EINTR) or comes in parts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace pm {

// The errno of the call that failed; EFBIG: there are more than `limit` bytes. `expected` is how
// many there probably are: as many are read at the first try.
tl::expected<std::string, int> read_whole(int fd, std::size_t expected, std::size_t limit);

// 0, or the errno of the call that failed; some bytes may have been written then.
int write_whole(int fd, std::string_view bytes);

}  // namespace pm
