// SPDX-License-Identifier: Apache-2.0
// A copy of one of our tables that nobody else can flush. `nft flush ruleset` removes every table
// but those that belong to another process (`flags owner`, Linux 5.12), and these go with their
// process. So a table that must outlive both has two forms: the plain one, which everyone may
// change and which stays when its maker ends, and beside it a copy that a child of `watch` holds.
// Both filter: what one of them drops is dropped.
//
// The file of a copy (RUN/*.held) has the name of its table. The copy goes as soon as the file is
// renamed, or replaced by that of a newer one, whose table is there by then.
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
    // `nft -f` reads. A command that adds the table again must say `flags owner;`.
    using Commands = std::function<std::string(const std::string &name)>;

    // Makes a copy and holds it until another is made, somebody lets go of it, or this process
    // ends. A fault: there is none, or the one before.
    Done hold(const Commands &commands);
    // Is the copy that this object made still there?
    bool is_held();

private:
    std::filesystem::path file_;
    pid_t holder_ = 0;  // 0: none
};

// Is there a copy, whichever process holds it? Not, where the kernel does not say.
bool is_held(const std::filesystem::path &file);

// On return there is no copy, whichever process held it. A fault: there may be one still; the next
// call tries again. The caller holds the writer's lock, so that none is made meanwhile.
Done let_go(const std::filesystem::path &file);

}  // namespace pm
