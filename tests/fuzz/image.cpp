// SPDX-License-Identifier: Apache-2.0
// A hostile image in the map: user space reads its catalog, look-ups and bans, and never reads
// outside the slot. The input is bytes to write into a good image, five for each: where, and what.
// A first byte of 0 means that the rest is the image itself.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "policy/image/catalog.h"
#include "policy/image/compile.h"
#include "policy/language/read.h"

namespace {

const std::vector<std::uint8_t> &good_image() {
    static const std::vector<std::uint8_t> bytes = [] {
        auto read = pm::read_policy(PM_SOURCE_DIR "/tests/policies/coturn.yaml", {});
        auto image = pm::compile(read.policy.value());
        return image.value().bytes;
    }();
    return bytes;
}

std::vector<std::uint8_t> image_of(const std::uint8_t *data, std::size_t size) {
    if (size > 0 && data[0] == 0) return {data + 1, data + size};
    std::vector<std::uint8_t> bytes = good_image();
    for (std::size_t at = 1; at + 5 <= size; at += 5) {
        std::uint32_t where = 0;
        std::memcpy(&where, data + at, 4);
        // Half of them into the header, where the offsets are.
        bytes[where % (where & 0x80000000U ? bytes.size() : sizeof(pm_image))] = data[at + 4];
    }
    if (size % 5 == 3) bytes.resize(bytes.size() / (1U + data[size - 1]));
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const pm::ImageView view(image_of(data, size));
    const auto catalog = pm::read_catalog(view.view());
    if (catalog && catalog->rows.size() > PM_ROWS_MAX) std::abort();
    pm_flow_key flow = {};
    std::memcpy(&flow, data + size - std::min(size, sizeof(flow)), std::min(size, sizeof(flow)));
    const std::uint32_t opener = flow.zero;
    const std::uint64_t begun = flow.remote.high;
    for (const std::uint32_t direction : {0U, 1U}) {
        // The bans may be anything too.
        const std::uint32_t verdict = pm_judge(view.view(), view.view(), {.now = 1, .begun = begun},
                                               &flow, opener, direction);
        if (pm_reason_of(verdict) == 0) (void)pm_row_at(view.view(), pm_row_of(verdict));
    }
    return 0;
}
