// SPDX-License-Identifier: Apache-2.0
// The rows and texts of an image, as compile writes them; read_catalog() reads them back.
#pragma once

#include "policy/compile.h"
#include "policy/writer.h"

namespace pm {

// Fills the fields of the header that tell rows, catalog, name, document and digest. `slots`
// are the counter slots by row.
void write_catalog(const Policy &policy, const std::vector<std::uint16_t> &slots, Writer &writer,
                   pm_image &header);

}  // namespace pm
