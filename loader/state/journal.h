// SPDX-License-Identifier: Apache-2.0
// The history as journald knows it: an entry with a MESSAGE_ID by kind, and fields.
#pragma once

#include "loader/state/history.h"

namespace pm {

// Nothing happens where no journald listens.
void send_to_journal(const HistoryEntry &entry);

// The MESSAGE_ID of an action, as 32 hex digits.
std::string message_id(const HistoryEntry &entry);

}  // namespace pm
