// SPDX-License-Identifier: Apache-2.0
// The program portmatrix: runs the command line, and fails if its output could not be written.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "loader/base/fault.h"
#include "loader/base/message.h"
#include "loader/commands/command_line.h"

namespace {

// A descriptor 0, 1 or 2 that the caller has closed is opened, or the next file or map of ours
// would get its number and we would print into that. It is opened to be read, so that printing
// there still fails.
void hold_standard_descriptors() {
    int held = 0;
    do held = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (held >= 0 && held <= STDERR_FILENO);
    if (held > STDERR_FILENO) close(held);
}

}  // namespace

int main(int count, char **words) {
    hold_standard_descriptors();
    try {
        const int status = pm::command::run_command_line(count, words);
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
            pm::print_fault({"cannot write the output", {}, pm::Exit::failed});
            return static_cast<int>(pm::Exit::failed);
        }
        return status;
    } catch (const std::exception &error) {
        pm::print_fault({error.what(), {}, pm::Exit::failed});
        return static_cast<int>(pm::Exit::failed);
    }
}
