// SPDX-License-Identifier: Apache-2.0
#include "tests/support/run_frame.h"

#include <linux/bpf.h>

#include <string>

#include <bpf/bpf.h>

#include "tests/support/arrays.h"

namespace pm::test {

int run_frame(int program, const Bytes &frame, Bytes &output, Direction direction,
              const Context &context) {
    __sk_buff skb = {};
    skb.ingress_ifindex = context.came_in_on;
    skb.gso_segs = context.gso_segments;
    skb.gso_size = context.gso_size;
    skb.wire_len = context.wire_length;
    output.resize(frame.size() + 256);
    bpf_test_run_opts options = {};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.data_out = output.data();
    options.data_size_out = static_cast<std::uint32_t>(output.size());
    options.repeat = 1;
    if (direction == Direction::out) {
        options.ctx_in = &skb;
        options.ctx_size_in = sizeof(skb);
    }
    if (bpf_prog_test_run_opts(program, &options))
        fail("cannot run a frame of " + std::to_string(frame.size()) + " bytes");
    return static_cast<int>(options.retval);
}

}  // namespace pm::test
