// SPDX-License-Identifier: Apache-2.0
// What every parachute has, whatever its policy:
//
//   chain        hook            does
//   fragments    prerouting      drops fragments that conntrack would put together unchecked
//                (before conntrack)
//   input        input           open devices pass; packets, essentials, flows
//   output       postrouting     the same of what leaves, after the last NAT
//   forward      forward         drops all but what goes between open devices
//
// No other filter can let pass what one of these drops, whatever its priority. What they accept,
// other filters may still drop.
#pragma once

#include "loader/parachute/ruleset.h"

namespace pm::parachute {

// Sets and maps that are filled when the ruleset is loaded.
inline constexpr const char *open_devices = "open";
inline constexpr const char *zones_in = "opened-in";    // by device: flows that others open
inline constexpr const char *zones_out = "opened-out";  // flows that this host opens
std::string banned_set(Family family);

// The chains of the flows that are opened in a direction, of the zone with this label.
std::string zone_chain(Direction opener, const std::string &zone);

inline constexpr const char *closed_zone_label = "closed";

struct Frame {
    AddressSet own;      // the addresses that are listed for roles
    AddressSet blocked;  // peers
    bool drops_fragments = false;
    std::string default_zone = closed_zone_label;  // of devices that are in no map
};

// The chains that zone chains use, then the hooks. The zone chains must be there before the hooks.
void add_checks(Ruleset &out, const Frame &frame);
void add_hooks(Ruleset &out, const Frame &frame);

inline constexpr const char *addresses_in = "addresses-in", *addresses_out = "addresses-out";
inline constexpr const char *unwanted_in = "unwanted-in", *unwanted_out = "unwanted-out";
std::string groups_set(Family family);

}  // namespace pm::parachute
