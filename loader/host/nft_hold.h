// SPDX-License-Identifier: Apache-2.0
// A copy of one of our tables that nobody else can flush. `nft flush ruleset` removes every table
// but those that belong to another process (`flags owner`, Linux 5.12), and these go with their
// process. So a table that must outlive both has two forms: the plain one, which everyone may
// change and which stays when its maker ends, and beside it a copy that a child of `watch` holds.
// Both filter: what one of them drops is dropped.
//
// The file of a copy (RUN/*.held) has the name of its table. The copy goes as soon as the file is
// removed, or replaced by that of a newer one, whose table is there by then.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "loader/base/fault.h"

namespace pm {

class HeldTable {
public:
    explicit HeldTable(std::filesystem::path file) : file_(std::move(file)) {}

    // The commands that fill the table of this name, which is there and empty: JSON, or what
    // `nft -f` reads.
    using Commands = std::function<std::string(const std::string &name)>;

    // Makes a copy and holds it until another is made, the file goes or this process ends. A
    // fault: the one before stays.
    Done hold(const Commands &commands);
    bool is_held();

private:
    std::filesystem::path file_;
    pid_t holder_ = 0;  // 0: none
};

// Is there a copy, whichever process holds it? Not, where the kernel does not say.
bool is_held(const std::filesystem::path &file);

// On return there is no copy, whichever process held it. A fault: it is still there.
Done let_go(const std::filesystem::path &file);

}  // namespace pm
