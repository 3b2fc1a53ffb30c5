// SPDX-License-Identifier: Apache-2.0
// The sockets that the exporter listens on.
#pragma once

#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "policy/base/fd.h"

namespace pm::exporter {

// "ADDR:PORT", "[ADDR]:PORT", "PORT" on both loopback addresses, or "unix:PATH". A socket that a
// killed exporter left at PATH is replaced; any other file there is not.
Result<std::vector<Fd>> listen_on(const std::string &where);

// What systemd hands over (LISTEN_FDS); none: it does not.
Result<std::vector<Fd>> inherited_listeners();

}  // namespace pm::exporter
