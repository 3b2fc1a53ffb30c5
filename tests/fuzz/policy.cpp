// SPDX-License-Identifier: Apache-2.0
// Any bytes as a policy: it is read, or errors say why not. A policy that is read compiles or says
// why not, and its printed form reads back to the same policy.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "policy/image/compile.h"
#include "policy/language/read.h"
#include "policy/model/print.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const pm::ReadOptions options{.include_path = {PM_SOURCE_DIR "/policy"}};
    const std::string text(reinterpret_cast<const char *>(data), size);
    auto read = pm::read_policy_text(text, "fuzz.yaml", options);
    (void)pm::render(read.diagnostics, false);
    if (!read.policy || read.diagnostics.has_errors()) {
        if (!read.diagnostics.has_errors()) std::abort();
        return 0;
    }
    (void)pm::compile(*read.policy, {.size_limit = std::size_t{8} << 20});
    auto again = pm::read_policy_text(pm::print(*read.policy), "printed.yaml", options);
    if (!again.policy || again.diagnostics.has_errors()) std::abort();
    if (pm::print(*again.policy) != pm::print(*read.policy)) std::abort();
    return 0;
}
