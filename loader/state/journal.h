// SPDX-License-Identifier: Apache-2.0
// The journal of systemd: entries with fields are written by its library, and read back by
// journalctl, which knows its files, their rotation and who may read them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "loader/base/fault.h"

namespace pm {

using JournalFields = std::map<std::string, std::string>;

bool has_journal();  // does it take entries?
Fault no_journal();  // with the remedy

Done write_journal(const JournalFields &fields);

// Visits the entries of root that have this MESSAGE_ID, oldest first. `since`: seconds since the
// epoch.
Done read_journal(const std::string &message_id, std::uint64_t since,
                  const std::function<void(const JournalFields &)> &visit);

}  // namespace pm
