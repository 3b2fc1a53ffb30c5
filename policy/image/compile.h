// SPDX-License-Identifier: Apache-2.0
// Compiles a policy to the image that maps/image.h describes. Neither kernel nor files are needed.
//
//   locals.h           which sets of local addresses count on which interface
//   intervals.h        sets of addresses to classes of addresses, for both sides
//   pairs.h            protocols and ports to pairs: which rows have them
//   matrix.h           which row each (zone, direction, local class, pair, peer class) goes to
//   slots.h            which counters each row counts in
//   catalog.h          the rows' names and texts, for people
//   writer.h, write_intervals.h: how the parts lie in the image; compile.cpp calls all of these
//
// relocate.h adapts an image to other interfaces and counters; image_ranges.h reads intervals back;
// ban_image.h compiles the list of bans, which is an image of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "maps/lookup.h"
#include "policy/model/model.h"

namespace pm {

struct CompileOptions {
    // Interface names by number; an empty name is a free number. Empty: the policy's own
    // interfaces in order, or one without a name.
    std::vector<std::string> interfaces;
    // The numbers of interfaces that are closed: there only failsafe rows pass, those of every
    // interface.
    std::set<unsigned> closed;
    // Counter slots already in use by row id (of the image in force): an id that stays keeps
    // its slot. New ids take the next free slot above `last_slot`, around the end.
    std::map<std::string, std::uint16_t> slots = {};
    std::uint16_t last_slot = PM_FIRST_ROW_SLOT - 1;
    std::size_t size_limit = std::size_t{1} << 28;  // bytes; above: an error
};

// A compiled policy. `bytes` is as long as what it holds; the map's slot for it has the next power
// of two.
struct Image {
    std::vector<std::uint8_t> bytes;

    const pm_image &header() const { return *reinterpret_cast<const pm_image *>(bytes.data()); }
    pm_image &header() { return *reinterpret_cast<pm_image *>(bytes.data()); }
};

// The error is a sentence for the user that names the limit.
tl::expected<Image, std::string> compile(const Policy &policy, const CompileOptions &options = {});

// A copy of an image in a buffer of a power of two, so that a pm_view of it is safe to read
// whatever its bytes are.
class ImageView {
public:
    explicit ImageView(const std::vector<std::uint8_t> &bytes);
    pm_view view() const { return {data_.data(), static_cast<std::uint32_t>(data_.size() - 1)}; }

private:
    std::vector<std::uint8_t> data_;
};

}  // namespace pm
