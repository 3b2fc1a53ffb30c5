// SPDX-License-Identifier: Apache-2.0
// RUN/parachute: says that the parachute is loaded, and why, to whoever cannot ask nftables. It is
// only a note. Whether the table is there, the kernel knows (host/nft_tables.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"

namespace pm::parachute {

struct Note {
    std::uint64_t generation = 0;  // whose policy it is; 0: essentials and nothing else
    std::string policy;            // its name
    std::string sha256;
    std::uint64_t since = 0;  // ns since the epoch
    std::uint64_t seen = 0;   // CLOCK_BOOTTIME ns: its table was in nftables then
    std::string why;          // a sentence
    // Why it is not that of the confirmed generation; empty: it is.
    std::string fallback = {};
    std::uint64_t wanted = 0;              // the confirmed generation; 0: it could not be read
    std::vector<std::string> interfaces;   // of the policy, which the programs do not filter
    std::vector<std::string> open;         // devices that it leaves alone, beside the loopback
    std::vector<std::string> places = {};  // the interfaces that its policy names
    std::map<std::string, std::string> zones = {};  // the place of a device, as a number of those
    struct Closed {
        std::string row, why;
    };
    std::vector<Closed> closed;
};

// Nothing: it is not loaded. A file that cannot be read is a note that says so.
std::optional<Note> read_note(const Paths &paths);
Done write_note(const Paths &paths, const Note &note);
Done remove_note(const Paths &paths);

// Names the table of the copy that others cannot flush (host/nft_hold.h).
std::filesystem::path copy_file(const Paths &paths);

// Does its table filter, or the copy of it? Not, where the kernel does not say.
bool is_filtering(const Paths &paths);

}  // namespace pm::parachute
