// SPDX-License-Identifier: Apache-2.0
#include "policy/judge/moment.h"

#include <ctime>

#include "maps/lookup.h"

namespace pm {
namespace {

std::uint64_t ns_now(clockid_t clock) {
    timespec now = {};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::uint64_t utc_now() {
    return ns_now(CLOCK_REALTIME);
}

pm_moment present(pm_view image) {
    pm_moment when{.now = ns_now(CLOCK_BOOTTIME), .begun = 0};
    if (!(pm_field(image, pm_image, flags) & PM_IMAGE_DATES)) return when;
    const std::uint64_t utc = pm_field(image, pm_image, utc);
    when.begun = utc ? when.now + utc : utc_now();
    return when;
}

pm_moment present_since(pm_view image, double seconds) {
    pm_moment when = present(image);
    const auto age = static_cast<std::uint64_t>(seconds * 1e9);
    if (when.begun != 0) when.begun -= age < when.begun ? age : when.begun;
    return when;
}

}  // namespace pm
