// SPDX-License-Identifier: Apache-2.0
// The kernel side: opened, sized, loaded. Nothing is pinned or attached here, so that tests can
// run the programs as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "loader/kernel/map.h"

struct bpf_object;

namespace pm {

struct ProgramOptions {
    unsigned interface = 0;  // number, below PM_INTERFACES
    bool lacp = false;       // the interface is a bond or a part of one

    bool hooks = true;   // load pm_ingress and pm_egress
    bool probes = true;  // load pm_ask_in and pm_ask_out

    // Maps to use; null: new ones, of these sizes. Slots in bytes, powers of two from 4096.
    const Maps *shared = nullptr;
    int rows = -1;  // the interface's counters, likewise
    std::uint32_t image_slot = 2u << 20;
    std::uint32_t bans_slot = 64u << 10;
    std::uint32_t flow_capacity = 65536;  // of the three tables together

    std::string object;  // a file to load instead of the built-in object
    // What the verifier is to log, as BPF_LOG_*; libbpf passes it on as debugging messages.
    std::uint32_t verifier_log = 0;
};

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

// Tells the built-in object from those of other builds; not a secure hash.
std::uint32_t build_hash();

void show_libbpf_messages(bool on);  // libbpf's warnings, which speak to developers, on stderr

}  // namespace pm
