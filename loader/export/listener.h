// SPDX-License-Identifier: Apache-2.0
// The sockets that the exporter listens on.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/base/fd.h"

namespace pm::exporter {

// "ADDR:PORT", "[ADDR]:PORT", "PORT" (on both loopback addresses) or "unix:PATH". A socket at PATH
// is replaced, for a killed exporter leaves one; any other file there is a fault.
Result<std::vector<Fd>> listen_on(const std::string &where);

// The sockets that systemd hands over (LISTEN_FDS); empty: none.
Result<std::vector<Fd>> inherited_listeners();

}  // namespace pm::exporter
