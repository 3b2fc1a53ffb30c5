// SPDX-License-Identifier: Apache-2.0
#include "loader/base/message.h"

#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fmt/core.h>

#include "policy/base/text.h"

namespace pm {
namespace {

// A message that cannot be written changes no outcome: if stderr goes to a full disk, the command
// has not failed for that.
void say(const std::string &text) {
    (void)std::fputs(text.c_str(), stderr);
}

}  // namespace

bool colour_on(int fd) {
    const char *no_colour = std::getenv("NO_COLOR");
    return isatty(fd) && !(no_colour && *no_colour);
}

void print_fault(const Fault &fault) {
    const bool colour = colour_on(STDERR_FILENO);
    say(fmt::format("portmatrix: {}error:{} {}\n", colour ? "\033[1;31m" : "",
                    colour ? "\033[0m" : "", printable(fault.message)));
    for (const std::string &line : fault.lines) say(fmt::format("  {}\n", printable(line)));
    if (!fault.hint.empty()) say(fmt::format("  hint: {}\n", printable(fault.hint)));
}

void print_note(std::string_view text) {
    say(fmt::format("portmatrix: {}\n", printable(text)));
}

void print_plain(std::string_view text) {
    say(std::string(text));
}

}  // namespace pm
