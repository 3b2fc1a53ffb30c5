// SPDX-License-Identifier: Apache-2.0
// What an image holds for people: names, the rows' texts, the whole policy as YAML. compile.cpp
// writes it; status, explain and the exporter read it back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "maps/lookup.h"
#include "policy/image/writer.h"
#include "policy/model/model.h"

namespace pm {

// A row as the image tells it.
struct CatalogRow {
    std::string id, role, protocol, transport, port, source_port, source, destination;
    std::string owner, ticket;
    std::uint64_t expires = 0;  // ns of UTC from which it permits no new flow; 0: never
    std::uint16_t slot = 0;
    bool failsafe = false;
    Direction direction = Direction::in;
    Check check;
};

struct Catalog {
    std::string policy;
    std::string sha256;         // lowercase hex
    std::string matrix_sha256;  // likewise; empty: the image is older than that
    std::uint64_t generation = 0;
    std::uint64_t applied_at = 0;  // ns since the epoch
    std::uint64_t utc = 0;         // as pm_image has it; 0: no row has a date
    std::string document;
    std::vector<std::string> interfaces;  // that the policy names; none: its rows hold everywhere
    std::vector<CatalogRow> rows;
};

// Fails on a hostile or torn image with the reason.
tl::expected<Catalog, std::string> read_catalog(pm_view view);

// Appends all of it, and fills in the fields of the header that say where. `slots`: the counter
// slots by row.
void write_catalog(const Policy &policy, const std::vector<std::uint16_t> &slots, Writer &writer,
                   pm_image &header);

}  // namespace pm
