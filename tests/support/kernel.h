// SPDX-License-Identifier: Apache-2.0
// The programs in the running kernel, fed with frames by BPF_PROG_TEST_RUN. They are loaded but
// attached to nothing, in a network namespace of the test's own. PM_BPF_OBJECT names another object
// file to load; so faults.py tests programs with faults in them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policy/image/compile.h"
#include "tests/support/packet.h"
#include "tests/support/verdict.h"

namespace pm::test {

// What the kernel knows of a frame beside its bytes.
struct Context {
    std::uint32_t came_in_on = 0;  // ifindex, on the way out: not 0 is forwarded
    std::uint32_t gso_segments = 0;
    std::uint32_t gso_size = 0;
    std::uint32_t wire_length = 0;
};

// A counter that a packet moved, and by how much.
struct Moved {
    Verdict verdict;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    bool would = false;  // audit: counted as what would have been dropped

    bool operator==(const Moved &) const = default;
};

struct Seen {
    bool passed = false;
    std::vector<Moved> moved;
};

// Sums over everything since the last apply() or clear().
struct Totals {
    std::uint64_t passed = 0;      // rows and essentials
    std::uint64_t dropped = 0;     // reasons
    std::uint64_t mismatched = 0;  // packets that failed their row's check
};

class Kernel {
public:
    Kernel();
    ~Kernel();
    Kernel(const Kernel &) = delete;
    Kernel &operator=(const Kernel &) = delete;

    // One that most tests share, since loading takes a second.
    static Kernel &shared();

    // Can a test run take this frame? XDP wants an Ethernet header, TC a whole IP header too.
    static bool can_run(Direction direction, const Bytes &frame) {
        if (frame.size() < 14 || direction == Direction::in) return frame.size() >= 14;
        unsigned type = static_cast<unsigned>(frame[12]) << 8 | frame[13];
        return frame.size() >= (type == 0x0800 ? 34 : type == 0x86dd ? 54 : 15);
    }

    // The verdict of the probe programs on an image, written by load_candidate().
    void load_candidate(const Image &image);
    Verdict ask(Direction direction, const Bytes &frame);

    // Puts an image in force under a new epoch, which is returned. The image before stays in its
    // slot, so that its epoch can be put in force again.
    std::uint64_t apply(const Image &image, pm_mode mode = PM_MODE_ENFORCE);
    void ban(const AddressSet &banned);      // these and no others, until the next apply()
    void put_in_force(std::uint64_t epoch);  // from any thread
    // After `deadline` (CLOCK_BOOTTIME ns) packets are judged by the epoch `fallback` instead of
    // `epoch`.
    void set_deadline(std::uint64_t epoch, std::uint64_t deadline, std::uint64_t fallback);
    void name_device(std::uint32_t ifindex = 1);  // the interface's; 1: loopback, as the packets'
    void apply_no_image();                        // an epoch whose record names no slot
    Seen see(Direction direction, const Bytes &frame, const Context &context = {});
    bool passes(Direction direction, const Bytes &frame);  // without a look at the counters
    void take_counters();                                  // see() tells what moves from now on
    Totals totals() const;
    void set_counters(std::uint64_t packets);  // of every row and reason, as if so many were seen

    // Flows, fragments, limits, DHCP clients, neighbours, counters; and it is test_time again.
    void clear();
    // The paces of essentials (bpf/pace.h). They know only real time, so a test has them if it asks
    // for them: `off`, as after clear(), `on` from a beginning where nothing has come yet, or
    // `full`: the turn of no kind comes within an hour.
    enum class Paces { off, on, full };
    void set_paces(Paces paces);
    // Makes everything that expires older. `ahead`: jiffies by which the clock of its writer is
    // ahead.
    void age(std::uint32_t seconds, std::uint32_t ahead = 0);
    void forget_time();  // as if nobody had told the programs what time it is, until the next wait
    std::vector<pm_flow> flows() const;  // not moved
    void mark_moved();                   // every young flow, as if its assured entry had gone since
    // Adds an assured entry with the same ends as each young one: opened by the other side, and cut
    // by a policy.
    void add_cut_entries();

private:
    struct Parts;
    struct Counters;

    bool run_hook(Direction direction, const Bytes &frame, const Context &context);
    void read(Counters &counters) const;
    std::vector<Moved> moved_since(const Counters &now, Direction direction) const;

    std::unique_ptr<Parts> parts_;
};

}  // namespace pm::test
