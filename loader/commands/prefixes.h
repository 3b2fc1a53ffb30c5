// SPDX-License-Identifier: Apache-2.0
// What ban and unban share: whom they are about, and how they end.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/update/ban.h"
#include "policy/model/address.h"

namespace pm::command {

// From the words of the command line and from the file ("-": standard input; empty: none), each
// prefix once. None at all is a usage fault.
Result<std::vector<Prefix>> read_prefixes(const std::vector<std::string> &words,
                                          const std::string &file);

// "192.0.2.1", "3 prefixes", "2 of 3 prefixes": those that were changed.
std::string prefixes_text(const std::vector<Prefix> &prefixes, std::size_t changed);

Done check_owner(const std::string &owner);

// Records and prints that `what` was done; the exit status.
int end_done(const char *action, const std::string &what, const BanOutcome &outcome);

}  // namespace pm::command
