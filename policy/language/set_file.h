// SPDX-License-Identifier: Apache-2.0
// Files of addresses: one address or prefix a line, '#' begins a comment.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/base/diagnostic.h"
#include "policy/model/address.h"
#include "policy/model/model.h"

namespace pm {

struct SetFile {
    std::vector<Range> ranges;  // in the file's order
    std::uint64_t count = 0;    // entries
    std::string sha256;         // of the bytes, lowercase hex
    std::shared_ptr<const SourceFile> source;
};

// Faults are reported at the lines of the file, or at the item that names it.
std::optional<SetFile> read_set_file(const SetItem &item, Diagnostics &diagnostics);

}  // namespace pm
