// SPDX-License-Identifier: Apache-2.0
// The drop log: what portmatrix-droplog.service keeps in the journal, so that a drop of yesterday
// can be explained. `drops` reads it back.
//
// It is a sample of bounded size. The drops of a minute are summed by peer, interface, direction,
// reason, row and protocol, in bounded memory (space_saving.h). At its end
// - the largest sums are written, log_lines_most lines at most: LoggedDrops,
// - and one line more, if anything was dropped, that says how many packets were seen, how many of
//   them are in these lines, and how many were lost before they were seen: LogMinute.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "loader/observe/drop.h"
#include "loader/observe/selection.h"
#include "loader/observe/space_saving.h"

namespace pm {

inline constexpr std::size_t log_lines_most = 50, log_sums_most = 4096, log_ports_most = 8;
inline constexpr std::uint64_t log_seconds = 60;
// Of every entry, so that the journal finds them.
inline constexpr char log_message_id[] = "6f2b6c6e0d7b4b0e9b1d9f6c5a3e7d41";

// Whose packets were dropped, where and why.
struct DropOf {
    std::string peer;  // its address; empty: none was read
    std::string interface;
    pm_direction direction = PM_IN;
    std::string reason;
    std::string row;        // empty: none
    std::string transport;  // "tcp", "arp"
    bool audit = false;     // they would have been dropped

    auto operator<=>(const DropOf &) const = default;
};

// The destination ports of packets; of more than log_ports_most the first ones.
struct PortSample {
    std::vector<std::uint16_t> ports;
    bool more = false;

    void add(std::uint16_t port);
    void add(const PortSample &other);
    bool may_have(const PortRange &range) const;
    bool operator==(const PortSample &) const = default;
};
std::string to_string(const PortSample &ports);  // "22,443", "22,80,..."

struct LoggedDrops {
    DropOf of;
    PortSample ports;
    std::uint64_t packets = 0;    // seen
    std::uint64_t uncertain = 0;  // there may be as many more of them
    std::uint64_t lost = 0;       // in that minute, of whomever
    std::string first, last;      // times, as time_text() writes them

    bool operator==(const LoggedDrops &) const = default;
};

struct LogMinute {
    std::uint64_t seconds = 0;  // that it had
    std::uint64_t packets = 0;  // seen
    std::uint64_t listed = 0;   // of these in lines of their own
    std::uint64_t lost = 0;     // not seen: they came too fast
    std::string last;           // its end

    bool operator==(const LogMinute &) const = default;
};

// Sums the drops of a minute.
class MinuteOfDrops {
public:
    void add(const Drop &drop);

    struct Log {
        std::vector<LoggedDrops> lines;  // largest first
        LogMinute minute;
    };
    // What is to be written; the next minute begins. `now`: ns since the epoch.
    Log end(std::uint64_t now, std::uint64_t seconds, std::uint64_t lost);

private:
    struct Note {
        PortSample ports;
        std::uint64_t first = 0, last = 0;
    };
    SpaceSaving<DropOf, Note> sums_{log_sums_most};
};

// An entry of the journal: its fields by name.
using LogFields = std::map<std::string, std::string>;
LogFields log_fields(const LoggedDrops &line);
LogFields log_fields(const LogMinute &minute);
// Nothing, if it is no entry of the drop log.
std::optional<std::variant<LoggedDrops, LogMinute>> parse_log(const LogFields &fields);

// Does the selection want the line? By its ports it may have such packets.
bool selects(const Selection &selection, const LoggedDrops &line);

// All lines of the same packets, of whatever minute.
struct LoggedSum {
    DropOf of;
    PortSample ports;
    std::uint64_t packets = 0, uncertain = 0;
    std::string first, last;
};
// Most packets first.
std::vector<LoggedSum> sum_up(const std::vector<LoggedDrops> &lines);

}  // namespace pm
