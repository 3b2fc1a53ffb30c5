// SPDX-License-Identifier: Apache-2.0
// Any bytes as a list of bans: it is read or refused. A list that is read compiles, and its printed
// form reads back to the same bans.
#include "policy/model/bans.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/image/ban_image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const auto bans = pm::parse_bans({reinterpret_cast<const char *>(data), size});
    if (!bans) return 0;
    (void)pm::compile_bans(*bans, 1'700'000'000, 1'000'000'000);
    const std::string text = pm::print_bans(*bans);
    const auto again = pm::parse_bans(text);
    if (!again || pm::print_bans(*again) != text) std::abort();
    return 0;
}
