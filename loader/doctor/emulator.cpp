// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/emulator.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "loader/kernel/memory.h"
#include "policy/base/fd.h"

namespace pm {
namespace {

constexpr const char *emulator = "/usr/bin/qemu-system-x86_64";
// Plugged into nothing. What it could do for the guest would keep XDP from it.
constexpr const char *network_card =
    "virtio-net-pci,netdev=net,romfile=,guest_csum=off,guest_tso4=off,guest_tso6=off,"
    "guest_ecn=off,guest_ufo=off";
constexpr unsigned guest_mb = 512;
constexpr uid_t nobody = 65534;
constexpr unsigned noexec_seal = 8;  // MFD_NOEXEC_SEAL, which hosts may insist on
constexpr std::size_t answer_limit = 1u << 20;

// The emulator opens its files by /proc/self/fd: nothing lies in a folder, and nothing is left when
// anybody is killed.
Result<Fd> file_with(const char *name, std::string_view content) {
    Fd fd(memfd_create(name, MFD_CLOEXEC | noexec_seal));
    if (!fd && errno == EINVAL) fd = Fd(memfd_create(name, MFD_CLOEXEC));  // before Linux 6.3
    if (!fd || fchmod(fd.get(), 0666) != 0) return cannot("make a file in memory", errno);
    while (!content.empty()) {
        const ssize_t size = write(fd.get(), content.data(), content.size());
        if (size <= 0) return cannot("write a file in memory", errno);
        content.remove_prefix(static_cast<std::size_t>(size));
    }
    return fd;
}

std::string path_of(const Fd &fd) {
    return fmt::format("/proc/self/fd/{}", fd.get());
}

Done check_host() {
    utsname name = {};
    if (uname(&name) != 0 || std::string_view(name.machine) != "x86_64")
        return fault("kernels can be examined on x86_64 only");
    if (access(emulator, X_OK) != 0)
        return fault(fmt::format("{} is not there", emulator),
                     "install the package qemu-system-x86");
    const auto host = host_memory();
    if (!host) return {};
    const std::uint64_t needed = std::uint64_t{guest_mb} << 20;
    if (host->available < needed + memory_reserve)
        return fault(
            fmt::format("the emulated kernel needs {} MB of memory, and this host can give "
                        "{} MB: {} MB are kept for its other work",
                        guest_mb, host->available >> 20, memory_reserve >> 20),
            "run it on another host with the same kernel installed", Exit::refused);
    return {};
}

struct Files {
    Fd image, initramfs, console, errors;
};

std::vector<std::string> arguments_of(const Guest &guest, const Files &files) {
    return {emulator,
            "-machine",
            "q35",
            "-accel",
            "tcg",
            "-cpu",
            "max",
            "-smp",
            "1",
            "-m",
            std::to_string(guest_mb),
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-sandbox",
            "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-netdev",
            "hubport,id=net,hubid=0",
            "-device",
            network_card,
            "-kernel",
            path_of(files.image),
            "-initrd",
            path_of(files.initramfs),
            "-append",
            "console=ttyS0 panic=-1 LD_LIBRARY_PATH=/lib NO_COLOR=1 " + guest.words,
            "-serial",
            "file:" + path_of(files.console),
            "-serial",
            "stdio"};
}

// What the caller holds open is not the emulator's.
bool keep_only(const Files &files) {
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return false;
    for (const Fd *one : {&files.image, &files.initramfs, &files.console})
        if (fcntl(one->get(), F_SETFD, 0) != 0) return false;
    return true;
}

bool give_up_privilege() {
    const rlimit none = {0, 0}, some = {answer_limit * 64, answer_limit * 64};
    if (chdir("/") != 0 || setrlimit(RLIMIT_CORE, &none) != 0 ||
        setrlimit(RLIMIT_FSIZE, &some) != 0)
        return false;
    const bool is_root = geteuid() == 0;
    return (!is_root || (setgroups(0, nullptr) == 0 && setresgid(nobody, nobody, nobody) == 0 &&
                         setresuid(nobody, nobody, nobody) == 0)) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// This host's work comes first, also where memory runs out.
void stand_back() {
    (void)setpriority(PRIO_PROCESS, 0, 10);
    const Fd score(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (score) (void)!write(score.get(), "900", 3);
}

// In the child. Does not return.
[[noreturn]] void become_emulator(std::vector<std::string> &arguments, const Files &files,
                                  int output, pid_t parent) {
    std::vector<char *> words;
    for (std::string &one : arguments) words.push_back(one.data());
    words.push_back(nullptr);
    char path[] = "PATH=/usr/bin:/bin";
    char *const environment[] = {path, nullptr};
    stand_back();
    const bool done = freopen("/dev/null", "r", stdin) && dup2(output, STDOUT_FILENO) >= 0 &&
                      dup2(files.errors.get(), STDERR_FILENO) >= 0 && keep_only(files) &&
                      give_up_privilege() && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
                      getppid() == parent;
    if (done) execve(emulator, words.data(), environment);
    _exit(127);
}

bool has_said(std::string_view text, const std::string &last_word) {
    const std::size_t at = text.rfind(last_word);
    return at != text.npos && (at == 0 || text[at - 1] == '\n') && text.find('\n', at) != text.npos;
}

// True: the guest has ended, or said its last word; false: its time is over.
bool read_answer(int fd, const Guest &guest, std::string &text) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::seconds(guest.seconds);
    std::array<char, 4096> buffer = {};
    while (!has_said(text, guest.last_word)) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        pollfd one = {.fd = fd, .events = POLLIN, .revents = 0};
        if (left <= 0) return false;
        if (poll(&one, 1, static_cast<int>(left)) < 0 && errno != EINTR) return false;
        if (one.revents == 0) continue;
        const ssize_t size = read(fd, buffer.data(), buffer.size());
        if (size <= 0) return true;
        text.append(buffer.data(), static_cast<std::size_t>(size));
        if (text.size() > answer_limit) text.erase(0, text.size() - answer_limit);
    }
    return true;
}

// The end of it.
std::string read_back(const Fd &file) {
    struct stat status = {};
    if (fstat(file.get(), &status) != 0) return {};
    std::string text(std::min(answer_limit, static_cast<std::size_t>(status.st_size)), '\0');
    const off_t begin = status.st_size - static_cast<off_t>(text.size());
    const ssize_t size = pread(file.get(), text.data(), text.size(), begin);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
}

}  // namespace

Result<Answer> run_guest(const Guest &guest) {
    if (auto checked = check_host(); !checked) return tl::unexpected(checked.error());
    auto image = file_with("kernel", guest.image),
         initramfs = file_with("initramfs", guest.initramfs), console = file_with("console", {}),
         errors = file_with("errors", {});
    for (const auto *one : {&image, &initramfs, &console, &errors})
        if (!*one) return tl::unexpected(one->error());
    const Files files{std::move(*image), std::move(*initramfs), std::move(*console),
                      std::move(*errors)};

    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return cannot("make a pipe", errno);
    const Fd from(ends[0]);
    Fd to(ends[1]);
    std::vector<std::string> arguments = arguments_of(guest, files);
    const pid_t parent = getpid(), child = fork();
    if (child < 0) return cannot("start the emulator", errno);
    if (child == 0) become_emulator(arguments, files, to.get(), parent);
    to = Fd();
    Answer answer{};
    answer.in_time = read_answer(from.get(), guest, answer.text);
    kill(child, SIGKILL);
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
    answer.console = read_back(files.console) + read_back(files.errors);
    return answer;
}

}  // namespace pm
