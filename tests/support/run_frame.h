// SPDX-License-Identifier: Apache-2.0
// BPF_PROG_TEST_RUN of one frame.
#pragma once

#include "tests/support/kernel.h"

namespace pm::test {

// What the program returns. `output` is room for the frame as it comes out; the caller keeps it for
// the next run.
int run_frame(int program, const Bytes &frame, Bytes &output, Direction direction,
              const Context &context);

}  // namespace pm::test
