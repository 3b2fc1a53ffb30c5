// SPDX-License-Identifier: Apache-2.0
// What the verdict benchmark measures: the loaded programs with a policy in force and flows in
// the tables, and other programs beside them. Nothing is attached. Whatever fails ends the run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/kernel/program.h"
#include "loader/kernel/switch.h"
#include "policy/image/catalog.h"
#include "policy/image/compile.h"

namespace pm::bench {

using Bytes = std::vector<std::uint8_t>;

[[noreturn]] void fail(const std::string &message);

class Host {
public:
    Host(const std::string &policy_file, std::uint32_t flow_capacity);

    const Program &program() const { return program_; }
    // Puts live flows into a table, from each of these IPv4 peers (host byte order) to `port`.
    void add_flows(const char *table, const std::vector<std::uint32_t> &peers,
                   std::uint8_t protocol, std::uint16_t port, const std::string &row);
    void add_flow(const char *table, pm_flow_key key, const std::string &row);

private:
    pm_flow flow_of(const pm_flow_key &key, const std::string &row) const;

    Program program_;
    Catalog catalog_;
    std::uint32_t sequence_ = 0;
};

// Programs from an object file. Maps that have the name of one of `host` are its.
class Object {
public:
    explicit Object(const std::string &file, const Host *host = nullptr);
    int program(const char *name) const;
    int map(const char *name) const;

private:
    struct Close {
        void operator()(bpf_object *object) const { bpf_object__close(object); }
    };
    std::unique_ptr<bpf_object, Close> object_;
};

// A program in front of another one: each packet comes from the next of these IPv4 addresses (host
// byte order; a power of two of them).
class Cycle {
public:
    Cycle(const std::string &file, int program, const std::vector<std::uint32_t> &sources);
    int program() const { return object_.program("cycle"); }

private:
    Object object_;
};

// Nanoseconds a packet, as the kernel measures it over `repeat` runs; the program must return
// `verdict`.
std::uint32_t measure(int program, Bytes frame, std::uint32_t repeat, std::uint32_t verdict);

}  // namespace pm::bench
