// SPDX-License-Identifier: Apache-2.0
// What went wrong, as the user reads it, and the exit status of the command.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace pm {

enum class Exit { done = 0, failed = 1, usage = 2, invalid = 3, refused = 4, differs = 5 };

// `message` is lowercase, quotes the value and has no full stop: "cannot VERB OBJECT: CAUSE
// (ERRNO)". `hint` is the remedy, or empty. `lines` say more, before the hint.
struct Fault {
    std::string message;
    std::string hint;
    Exit exit = Exit::failed;
    std::vector<std::string> lines = {};
};

template <typename T>
using Result = tl::expected<T, Fault>;
using Done = Result<void>;

inline tl::unexpected<Fault> fault(std::string message, std::string hint = {},
                                   Exit exit = Exit::failed) {
    return tl::unexpected<Fault>(
        Fault{.message = std::move(message), .hint = std::move(hint), .exit = exit});
}

// The message and its remedy in one sentence, where there is no line of its own for the remedy.
std::string with_hint(const Fault &fault);

// "cannot WHAT: CAUSE (ERRNO)"
tl::unexpected<Fault> cannot(const std::string &what, int error, std::string hint = {});

}  // namespace pm
