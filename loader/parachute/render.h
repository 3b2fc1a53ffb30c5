// SPDX-License-Identifier: Apache-2.0
// A policy as a ruleset of nftables: what a host falls back to where the programs cannot be loaded
// or attached. It never passes what the policy drops. Where nftables cannot say what a row says,
// the row is closed: what it would permit is dropped, and no later row is asked.
//
//   ruleset.h   the words of nftables' JSON
//   frame.h     what every parachute has: hooks, essentials, checks of packets and addresses
//   render.h    the rows, in the order of the verdict: failsafe, bans, block, matrix
//   table.h     loads a ruleset, with what is known only then: devices and bans
//   store.h     keeps what was rendered beside the generations
//   note.h      tells everyone that it is loaded, and why
//
// A flow is judged anew with each of its packets, by the tuple that conntrack has of it. So it
// needs no mark that others could set, ends with a ban at once, and nothing passes only because an
// entry of conntrack was there before. The first packet of a flow must be one that can open it, and
// pays the row's limit. A row with a date passes nothing from then on, by the kernel's clock: here
// the flows of the row end too.
#pragma once

#include <string>
#include <vector>

#include "loader/host/nft_sets.h"
#include "policy/model/model.h"

namespace pm::parachute {

inline constexpr const char *table_name = parachute_table;  // of the family inet

struct ClosedRow {
    std::string id;
    std::string why;
};

// The rows that the parachute of the policy must close, in its order.
std::vector<ClosedRow> closed_rows(const Policy &policy);

struct Rendering {
    std::string commands;            // a line of JSON each, for the table that is there and empty
    std::vector<std::string> zones;  // the interfaces that the policy names, by zone; may be empty
    std::vector<ClosedRow> closed;
};

Rendering render(const Policy &policy);

// The essentials and nothing else: where no policy can be read.
Rendering render_closed();

}  // namespace pm::parachute
