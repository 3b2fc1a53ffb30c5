// SPDX-License-Identifier: Apache-2.0
#include "tests/support/time.h"

#include "loader/base/clock.h"

namespace pm::test {

void tell_test_time(std::uint8_t *slot, std::uint64_t seconds) {
    pm_image &image = *reinterpret_cast<pm_image *>(slot);
    if (image.magic == PM_IMAGE_MAGIC && image.flags & PM_IMAGE_DATES)
        image.utc = test_time + seconds * ns_in_second - boottime_ns();
}

}  // namespace pm::test
