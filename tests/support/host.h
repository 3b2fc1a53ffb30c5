// SPDX-License-Identifier: Apache-2.0
// A host under test. Every packet goes through the kernel's programs, the probe programs, the image
// in user space and the oracle; each time it is asserted that they agree.
#pragma once

#include <string>

#include "policy/image/compile.h"
#include "tests/support/kernel.h"
#include "tests/support/naive.h"

namespace pm::test {

// What the oracle is told about the world, since it cannot look. The test has to make it true.
struct World {
    std::uint32_t came_in_on = 0;                // out: another device had it before
    bool routed = false;                         // in: the host would route it on
    naive::Socket socket = naive::Socket::none;  // there is one for the packet's flow

    bool plain() const { return !came_in_on && !routed && socket == naive::Socket::none; }
};

class Host {
public:
    explicit Host(Policy policy, Kernel &kernel = Kernel::shared());

    // Sends a frame and returns its verdict: "row ID", "essential-NAME" or the reason. The test
    // fails if send() returns a fault.
    std::string in(const Bytes &frame, const World &world = {});
    std::string out(const Bytes &frame, const World &world = {});
    std::string in(const Packet &packet, const World &world = {}) {
        return in(frame(packet), world);
    }
    std::string out(const Packet &packet, const World &world = {}) {
        return out(frame(from_host(packet)), world);
    }

    // The fault is empty if all of this holds, else it says what does not:
    // - the kernel and the oracle give the same verdict, with state and (by the probe programs)
    //   without;
    // - the image in user space gives the same verdict;
    // - exactly one counter moved, by one packet and its IP bytes;
    // - packets seen = passed per row and essential + dropped per reason.
    struct Outcome {
        std::string verdict;  // the kernel's
        std::string fault;
    };
    Outcome send(Direction direction, const Bytes &frame, const World &world = {});

    void wait(std::uint32_t seconds);    // lets flows, fragments and clients age
    void apply(Policy policy);           // another policy in force
    void ban(const AddressSet &banned);  // these and no others

    Kernel &kernel() { return kernel_; }
    const naive::Host &oracle() const { return oracle_; }

private:
    static Packet from_host(Packet packet);
    void put_in_force();
    std::string expect(Direction direction, const Bytes &frame, const World &world);
    std::string compare_counters(const Seen &seen, const Verdict &expected, std::uint64_t bytes);

    Policy policy_;
    ImageView view_{{}};
    AddressSet banned_;
    Kernel &kernel_;
    naive::Host oracle_;
    std::uint64_t sent_ = 0;
};

// Compares the image in user space with the oracle: the flow that the frame opens, and the flow
// that it answers. Returns how they differ; empty if they agree or the frame describes no flow.
// It is `utc` (ns).
std::string compare_image(const Policy &policy, const ImageView &image, Direction direction,
                          const Bytes &frame, std::uint64_t utc = test_time);

// The same for the probe programs and the oracle. The candidate must be loaded.
std::string compare_probe(Kernel &kernel, const Policy &policy, Direction direction,
                          const Bytes &frame, std::uint64_t utc = test_time);

std::string hex(const Bytes &bytes);

}  // namespace pm::test
