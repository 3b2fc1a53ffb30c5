// SPDX-License-Identifier: Apache-2.0
#include "loader/show/words.h"

#include <algorithm>
#include <cstddef>

#include "policy/model/model.h"

namespace pm::show {

static_assert(static_cast<int>(Direction::in) == PM_IN &&
              static_cast<int>(Direction::out) == PM_OUT);

const char *attachment_kind(pm_attachment attachment) {
    switch (attachment) {
        case PM_XDP_NATIVE:
        case PM_XDP_GENERIC:
            return "xdp";
        case PM_TCX:
            return "tcx";
        case PM_CLSACT:
            return "clsact";
        case PM_DETACHED:
            break;
    }
    return nullptr;
}

const char *attachment_mode(pm_attachment attachment) {
    if (attachment == PM_XDP_NATIVE) return "native";
    return attachment == PM_XDP_GENERIC ? "generic" : nullptr;
}

const char *mode_remark(pm_mode mode) {
    return mode == PM_MODE_AUDIT ? " (audit: nothing is dropped)" : "";
}

const char *direction_name(unsigned direction) {
    return direction == PM_IN ? "in" : "out";
}

std::vector<std::string> split_list(const std::string &text) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        if (end > at) parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

}  // namespace pm::show
