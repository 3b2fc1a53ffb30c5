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
};
int run(const Show &arguments);

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
    std::string xdp = "auto";     // auto, native, generic
};
int run(const Apply &arguments);

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

struct Detach {
    std::vector<std::string> interfaces;
    bool all = false;
};
int run(const Detach &arguments);

// What is in force now, as the last line on stderr where something was not done.
void say_in_force();

}  // namespace pm::command
