// SPDX-License-Identifier: Apache-2.0
#include "loader/show/words.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include <fmt/core.h>

#include "loader/base/duration.h"
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

std::string pending_text(const InForce &now) {
    if (!now.seconds_left) return {};
    const Fallback &back = now.fallback;
    std::string what = back.policy.empty() ? "the policy before" : back.policy;
    if (back.generation) what = fmt::format("generation {} ({})", back.generation, back.policy);
    if (back.mode == PM_MODE_AUDIT) what = "audit, which drops nothing,";
    return fmt::format("WILL ROLL BACK to {} in {} unless: portmatrix confirm", what,
                       duration_text(*now.seconds_left));
}

std::string short_number(double number) {
    constexpr const char *units[] = {"", "k", "M", "G", "T"};
    std::size_t unit = 0;
    while (number >= 999.5 && unit + 1 < std::size(units)) {
        number /= 1000;
        unit++;
    }
    if (number == 0) return "0";
    return fmt::format("{:.{}f}{}", number, number < 9.95 ? 1 : 0, units[unit]);
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
