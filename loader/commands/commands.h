// SPDX-License-Identifier: Apache-2.0
// The commands, after their arguments were read. Each prints its data to stdout and its
// messages to stderr, and returns the exit status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "maps/abi.h"

namespace pm::command {

struct Check {
    std::string policy;
    bool json = false;
};
int run(const Check &arguments);

struct Show {
    std::string policy;  // empty: the one in force
    std::optional<std::uint64_t> generation;
};
int run(const Show &arguments);

struct Diff {
    std::string policy;
    bool json = false;
};
int run(const Diff &arguments);

struct Explain {
    std::string policy;  // empty: ask the loaded program
    std::vector<std::string> interfaces;
    std::string from, to, protocol;
    std::optional<pm_direction> direction;
    bool json = false;
};
int run(const Explain &arguments);

struct Apply {
    std::string policy;  // empty: the one in force
    std::vector<std::string> interfaces;
    std::optional<pm_mode> mode;  // else it stays
    bool shadow = false;
    std::string xdp;             // auto, native, generic; empty: as it was
    std::string confirm_within;  // "60s"; empty: for good
    bool force = false;
};
int run(const Apply &arguments);

struct Confirm {};
int run(const Confirm &arguments);

struct Rollback {};
int run(const Rollback &arguments);

struct Restore {};
int run(const Restore &arguments);

struct Watch {};
int run(const Watch &arguments);

struct Ban {
    std::vector<std::string> prefixes;
    std::string file;      // one a line; "-": standard input
    std::string duration;  // "10m"; empty: until it is lifted
    bool force = false;
};
int run(const Ban &arguments);

struct Unban {
    std::vector<std::string> prefixes;
};
int run(const Unban &arguments);

struct Bans {
    bool json = false;
};
int run(const Bans &arguments);

struct History {
    std::size_t limit = 0;  // newest; 0: all
    bool json = false;
};
int run(const History &arguments);

struct Status {
    std::vector<std::string> interfaces;
    bool json = false;
};
int run(const Status &arguments);

struct Flows {
    std::vector<std::string> interfaces;
    std::string row, peer;
    std::string sort = "bytes";  // bytes, packets, age
    std::size_t limit = 0;       // 0: all
    bool json = false;
};
int run(const Flows &arguments);

struct Monitor {
    std::vector<std::string> interfaces;
    std::vector<std::string> reasons;
    std::string row, peer;
    std::string pcap;                  // file
    std::optional<std::size_t> limit;  // events
    bool json = false;
};
int run(const Monitor &arguments);

struct Top {
    std::vector<std::string> interfaces;
    std::string interval = "2s";
    bool once = false;
};
int run(const Top &arguments);

struct Doctor {
    std::vector<std::string> interfaces;
    bool json = false;
};
int run(const Doctor &arguments);

struct Export {
    std::vector<std::string> listen;      // ADDR:PORT, PORT, unix:PATH
    std::vector<std::string> host_names;  // by which it may be asked, beside its own
    std::vector<std::string> interfaces;  // empty: all
    std::string textfile, json_flows;     // empty: none
    std::vector<std::string> ipfix;       // HOST:PORT
    std::string interval = "10s", active_timeout = "60s";
};
int run(const Export &arguments);

struct Detach {
    std::vector<std::string> interfaces;
    bool all = false;
    bool force = false;  // though what is attached cannot be read
};
int run(const Detach &arguments);

// What is in force now, as the last line on stderr where something was not done.
void say_in_force();

}  // namespace pm::command
