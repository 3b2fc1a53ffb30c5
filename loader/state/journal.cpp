// SPDX-License-Identifier: Apache-2.0
#include "loader/state/journal.h"

#include <syslog.h>

#include <algorithm>

#include <fmt/core.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

namespace pm {
namespace {

// Made once with `systemd-id128 new`, and never changed: people match on them.
constexpr struct {
    const char *action;
    const char *id;
} message_ids[] = {
    {"apply", "5a1c0f4d2e9b4a7c8f10b6d3c2e4a901"},
    {"confirm", "8e0f6b1d93c74a55a2d7f4c10b9e6d02"},
    {"rollback", "c3d92a7f51e84b06b94e1f8a7d025c03"},
    {"expire", "1f7b4c8e6a2d49d3904c5e7b8a61f304"},
    {"restore", "b96e3d05f8c14721a6e0d97c4f52ab05"},
    {"ban", "74d1e8a2c05b4f9d8b3a6f1c90e7d206"},
    {"unban", "e2a75c19d8f04b63971d0c8b5f3e6a07"},
    {"attach", "0d84f2b6e71a4c9ebc5397a1d6f80c08"},
    {"detach", "97c6b0e35d2f48a1ae84f10d7b59c309"},
};
constexpr const char *refused_id = "3be85f0c61d74e2f95a0c7d18e4b620a";

}  // namespace

std::string message_id(const HistoryEntry &entry) {
    if (entry.outcome != "done") return refused_id;
    for (const auto &one : message_ids)
        if (entry.action == one.action) return one.id;
    return refused_id;
}

void send_to_journal(const HistoryEntry &entry) {
    const bool loud = entry.outcome != "done" || entry.action == "expire";
    sd_journal_send(
        "MESSAGE=%s",
        entry.message.empty() ? fmt::format("{}: {}", entry.action, entry.outcome).c_str()
                              : entry.message.c_str(),
        "MESSAGE_ID=%s", message_id(entry).c_str(), "PRIORITY=%d", loud ? LOG_WARNING : LOG_NOTICE,
        "SYSLOG_IDENTIFIER=portmatrix", "PORTMATRIX_ACTION=%s", entry.action.c_str(),
        "PORTMATRIX_OUTCOME=%s", entry.outcome.c_str(), "PORTMATRIX_USER=%s", entry.user.c_str(),
        "PORTMATRIX_COMMAND=%s", entry.command.c_str(), "PORTMATRIX_GENERATION=%llu",
        static_cast<unsigned long long>(entry.generation), "PORTMATRIX_SHA256=%s",
        entry.sha256.c_str(), nullptr);
}

}  // namespace pm
