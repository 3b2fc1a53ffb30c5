// SPDX-License-Identifier: Apache-2.0
// Sends as many frames as one CPU can, out of an interface of this network namespace:
//   pm_generate OBJECT INTERFACE MAC DESTINATION tcp|udp PORT SOURCES MILLISECONDS
// TCP is a SYN, UDP 8 bytes of payload; SOURCES is a power of two. The kernel's live test run makes
// the frames: a sending socket costs ten times what the filters that are measured cost.
#include <net/if.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/packet.h"

namespace {

using namespace pm::test;

constexpr std::uint32_t first_source = 0x10000000;  // 16.0.0.0

[[noreturn]] void fail(const char *message) {
    std::fprintf(stderr, "pm_generate: %s: %s\n", message, std::strerror(errno));
    std::exit(1);
}

Bytes make_frame(char **words) {
    Packet packet{.from = address("16.0.0.0"), .to = address(words[4])};
    const auto port = static_cast<std::uint16_t>(std::atoi(words[6]));
    if (std::strcmp(words[5], "tcp") == 0)
        packet.transport = Tcp{.destination = port};
    else
        packet.transport = Udp{.destination = port};
    unsigned mac[6];
    if (std::sscanf(words[3], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
                    &mac[5]) != 6)
        fail("no MAC address");
    for (int i = 0; i < 6; ++i) packet.destination_mac[i] = static_cast<std::uint8_t>(mac[i]);
    Bytes bytes = frame(packet);
    if (std::strcmp(words[5], "udp") == 0) bytes[40] = bytes[41] = 0;  // UDP: no checksum
    bytes.resize(std::max<std::size_t>(bytes.size(), 60));
    return bytes;
}

std::uint32_t header_sum(const Bytes &bytes) {
    std::uint32_t sum = 0;
    for (std::size_t at = 14; at < 34; at += 2)
        if (at != 24 && at != 26 && at != 28)
            sum += static_cast<std::uint32_t>(bytes[at] << 8 | bytes[at + 1]);
    return sum;
}

int load(const char *file, std::uint32_t interface, std::uint32_t sources, std::uint32_t sum) {
    bpf_object *object = bpf_object__open_file(file, nullptr);
    if (!object) fail("cannot open the program");
    bpf_map *constants = bpf_object__find_map_by_name(object, ".rodata");
    const std::uint32_t values[] = {interface, sources, first_source, sum};
    if (!constants || bpf_map__set_initial_value(constants, values, sizeof(values)) != 0)
        fail("cannot set the constants");
    if (bpf_object__load(object) != 0) fail("cannot load the program");
    return bpf_program__fd(bpf_object__find_program_by_name(object, "generate"));
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 9) fail("usage: OBJECT INTERFACE MAC DESTINATION tcp|udp PORT SOURCES MS");
    Bytes bytes = make_frame(argv);
    const int program =
        load(argv[1], if_nametoindex(argv[2]),
             static_cast<std::uint32_t>(std::strtoul(argv[7], nullptr, 10)), header_sum(bytes));
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(std::atoi(argv[8]));
    while (std::chrono::steady_clock::now() < end) {
        bpf_test_run_opts options = {};
        options.sz = sizeof(options);
        options.data_in = bytes.data();
        options.data_size_in = static_cast<std::uint32_t>(bytes.size());
        options.repeat = 1 << 15;
        options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
        options.batch_size = 64;
        if (bpf_prog_test_run_opts(program, &options) != 0) fail("cannot send");
    }
    return 0;
}
