// SPDX-License-Identifier: Apache-2.0
// doctor --kernel, and the hidden command examine-kernel, which runs in the kernel that is
// examined.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "loader/base/file.h"
#include "loader/base/message.h"
#include "loader/commands/commands.h"
#include "loader/commands/common.h"
#include "loader/doctor/findings.h"
#include "loader/doctor/next_kernel.h"
#include "loader/show/doctor.h"

namespace pm::command {
namespace {

// Where what an apply says is kept: only one that fails is told.
constexpr const char *said = "/run/said";

// An apply of the guest's policy; its exit status, or -1.
int apply_in_guest(bool verbose) {
    const pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        std::vector<const char *> words = {"portmatrix"};
        if (verbose) words.push_back("--verbose");
        words.insert(words.end(), {"apply", "-i", guest_interface, guest_policy, nullptr});
        if (freopen(said, "w", stdout) && dup2(STDOUT_FILENO, STDERR_FILENO) >= 0)
            execv("/proc/self/exe", const_cast<char *const *>(words.data()));
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What the kernel has to say of the programs; of the rest of the guest nobody wants to know.
int judge_guest(bool json) {
    if (apply_in_guest(false) == 0) {
        DoctorArguments asked;
        asked.interfaces = {guest_interface};
        asked.checks = {"kernel", "btf", "jit", "mode", "ingress", "egress", "probe"};
        asked.json = json;
        return run_doctor(asked);
    }
    (void)apply_in_guest(true);  // with what the verifier says
    const std::string why = read_file(said).value_or("it does not say why\n");
    if (!json) fmt::print("{}", why);
    Findings findings;
    findings.wrong("apply", "no policy can be put in force" + (json ? ": " + why : ""),
                   "stay with the kernel that runs, and tell the makers of portmatrix");
    const auto all = findings.all();
    fmt::print("{}", json ? show::findings_json(all) : show::findings_text(all, false));
    return static_cast<int>(Exit::failed);
}

}  // namespace

int examine_kernel(const DoctorArguments &arguments) {
    auto report = examine_next_kernel(arguments.root, arguments.kernel,
                                      arguments.json ? "examine-kernel --json" : "examine-kernel");
    if (!report) return end(report.error());
    fmt::print("{}", report->text);
    return report->status;
}

int run_examine_kernel(const DoctorArguments &arguments) {
    if (getpid() != 1)
        return end(Fault{"this runs in an emulator only", "portmatrix doctor --kernel VERSION",
                         Exit::usage});
    const auto begun = begin_guest();
    if (!begun)
        print_fault({"this kernel cannot be tried in an emulator: " + begun.error().message,
                     "try it on a host that may fail"});
    const int status = begun ? judge_guest(arguments.json) : static_cast<int>(Exit::failed);
    end_guest(status);
}

}  // namespace pm::command
