// SPDX-License-Identifier: Apache-2.0
#include "policy/base/whole_file.h"

#include <unistd.h>

#include <cerrno>

namespace pm {

tl::expected<std::string, int> read_whole(int fd, std::size_t expected, std::size_t limit) {
    std::string text(expected + 1, '\0');  // one more, so that the end is seen at the first try
    std::size_t used = 0;
    for (;;) {
        const ssize_t got = ::read(fd, text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return tl::unexpected(errno);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
        if (used > limit) return tl::unexpected(EFBIG);
        if (used == text.size()) text.resize(used * 2);
    }
    text.resize(used);
    return text;
}

int write_whole(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t done = ::write(fd, bytes.data(), bytes.size());
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return errno;
        bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    return 0;
}

}  // namespace pm
