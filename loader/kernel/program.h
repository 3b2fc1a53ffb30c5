// SPDX-License-Identifier: Apache-2.0
// The programs and maps of the kernel side: opens the object, sizes its maps, loads it. Nothing is
// pinned or attached here, so that tests can run the programs as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "loader/base/fault.h"
#include "loader/kernel/map.h"
#include "loader/kernel/memory.h"
#include "maps/abi.h"

struct bpf_object;

namespace pm {

// A flow table, and its share of the flow capacity: parts / whole.
struct FlowTable {
    const char *name;
    std::uint32_t parts, whole;

    std::uint32_t entries(std::uint32_t capacity) const { return capacity / whole * parts; }
};

// In the order in which a walk meets a flow that is promoted meanwhile: young ones first.
inline constexpr FlowTable flow_tables[] = {
    {.name = "outside", .parts = 1, .whole = 2},
    {.name = "opening", .parts = 1, .whole = 8},
    {.name = "assured", .parts = 3, .whole = 8},
};

struct ProgramOptions {
    unsigned interface = 0;  // number, below PM_INTERFACES

    bool hooks = true;   // load pm_ingress and pm_egress, which count in `rows`
    bool probes = true;  // load pm_ask_in and pm_ask_out

    // The maps to use; null: new ones, of the sizes below.
    const Maps *shared = nullptr;
    // Those that are made anew all the same. Any other that `shared` lacks is a fault: programs
    // with an empty map in place of the one in use would let everything pass.
    std::set<std::string> anew = {};
    int rows = -1;                        // the map of the interface's counters; -1: a new one
    std::uint32_t image_slot = 2u << 20;  // bytes, a power of two from 4096
    std::uint32_t bans_slot = 64u << 10;  // likewise
    std::uint32_t flow_capacity = 65536;  // of the three tables together

    std::string object = {};  // a file to load instead of the built-in object
    // What the verifier is to log, as BPF_LOG_*; libbpf passes it on as debugging messages.
    std::uint32_t verifier_log = 0;
};

// With the sizes that these maps have, for maps that are to take their place.
Result<ProgramOptions> options_of_sizes(const Maps &maps);

// The loaded programs, their `rows`, and the shared maps: descriptors that live as long as this.
class Program {
public:
    static Result<Program> load(const ProgramOptions &options);

    int ingress() const { return ingress_; }  // pm_ingress (XDP); -1 where it was not loaded
    int egress() const { return egress_; }    // pm_egress (TC)
    int ask_in() const { return ask_in_; }    // pm_ask_in (XDP): the verdict is its return value
    int ask_out() const { return ask_out_; }  // pm_ask_out (TC)
    int rows() const { return rows_; }        // this interface's row counters
    const Maps &maps() const { return maps_; }

private:
    struct Close {
        void operator()(bpf_object *object) const;
    };

    std::unique_ptr<bpf_object, Close> object_;
    Maps maps_;
    int ingress_ = -1, egress_ = -1, ask_in_ = -1, ask_out_ = -1, rows_ = -1;
};

// What new maps of these sizes take for so many interfaces.
Result<MapMemory> map_memory(const ProgramOptions &options, unsigned interfaces);

// What stands in `abi` once the programs of this build are attached: the layout, a hash of the
// built-in object, to tell it from those of other builds (not a secure one), and the release.
pm_build this_build();

void show_libbpf_messages(bool on);  // libbpf's warnings, which speak to developers, on stderr

}  // namespace pm
