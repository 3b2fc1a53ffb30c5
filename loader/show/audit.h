// SPDX-License-Identifier: Apache-2.0
// For an auditor: what is open to whom, since when, who changed it, and which tests it passes. As
// text, as JSON and as Markdown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "maps/abi.h"
#include "policy/model/model.h"

namespace pm::show {

// The addresses that a name of the policy stands for.
struct AuditedSet {
    std::string name;
    std::string form;                // "interface", "any", "none"; empty: the prefixes
    std::size_t prefixes = 0;        // as few as cover it
    std::vector<std::string> first;  // the first few of these
};

struct AuditedChange {
    std::uint64_t generation = 0;
    std::uint64_t time = 0;  // ns since the epoch
    std::string user, action;
    bool or_before = false;  // the history does not reach back far enough
};

struct AuditedRow {
    const Row *row = nullptr;
    AuditedSet here, peer;  // this host's side, and the other
    bool switched_off = false;
    bool expired = false;                      // its last day was past at that time
    std::optional<AuditedChange> change = {};  // the last one; none: not known
    std::size_t expectations = 0;              // that hold, and that this row passes a packet of
};

struct Audit {
    std::string host;
    std::uint64_t made = 0, at = 0;  // ns since the epoch
    std::uint64_t generation = 0;
    std::string policy, sha256;
    pm_mode mode = PM_MODE_ENFORCE;
    std::optional<AuditedChange> since;  // what put the policy in force; none: not known
    std::vector<AuditedSet> blocked;
    std::size_t expectations = 0, failed = 0;
    std::vector<std::string> notes;  // a sentence each
    std::vector<AuditedRow> rows;
};

std::string audit_text(const Audit &audit, bool colour);
std::string audit_json(const Audit &audit);  // a line
std::string audit_markdown(const Audit &audit);

}  // namespace pm::show
