// SPDX-License-Identifier: Apache-2.0
#include "loader/doctor/next_kernel.h"

#include <fcntl.h>
#include <linux/module.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <sstream>

#include <fmt/core.h>

#include "loader/base/file.h"
#include "loader/doctor/emulator.h"
#include "loader/doctor/initramfs.h"
#include "loader/doctor/kernel_files.h"
#include "policy/base/fd.h"
#include "policy/base/text.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr const char *program = "/portmatrix";
constexpr const char *module_folder = "/modules";
constexpr const char *module_order = "/modules/order";
constexpr const char *answer_port = "/dev/ttyS1";
constexpr std::string_view last_line = "portmatrix-guest-ends:";
constexpr unsigned patience = 300;  // seconds; a start takes 10 to 30 under emulation

// The card; before Linux 6.6 what the program for the way out is attached by; what the SSH guard
// asks.
const std::vector<std::string> modules = {"virtio_pci", "virtio_net", "sch_ingress", "cls_bpf",
                                          "tcp_diag"};

// Each kind of program code is in it: both families, a set, a range, a limit, a check.
constexpr const char *policy = R"(policy: kernel-examination
edge: { host: [192.0.2.10, "2001:db8::10"] }
peers: { all: any, some: [198.51.100.0/24, "2001:db8:1::/48"] }
matrix:
  - { id: sip-in, transport: tcp, source: some, destination: host, port: 5061, limit: { new-flows: 50/s, per: peer } }
  - { id: media-in, transport: udp, source: all, destination: host, port: 50000-59999, check: { payload: rtp } }
  - { id: web-out, transport: tcp, source: host, destination: all, port: 443 }
expect:
  - { from: 198.51.100.1, to: host, tcp: 5061, verdict: pass, row: sip-in }
  - { from: 192.0.2.99, to: host, tcp: 5061, verdict: drop }
  - { from: host, to: 203.0.113.1, tcp: 443, verdict: pass, row: web-out }
)";

Result<std::string> pack(const KernelFiles &kernel) {
    Initramfs files;
    for (const char *folder : {"/dev", "/proc", "/run", "/sys", "/tmp", "/var/lib"})
        files.add_folder(folder);
    if (auto added = files.add_this_program(program); !added) return tl::unexpected(added.error());
    files.add_file(guest_policy, policy);
    std::string order;
    for (const KernelModule &one : kernel.modules) {
        files.add_file(fs::path(module_folder) / one.name, one.content);
        order += one.name + '\n';
    }
    files.add_file(module_order, order);
    return files.packed();
}

std::string last_lines(const std::string &text, int count) {
    std::size_t at = text.size();
    for (; count >= 0 && at != text.npos; --count)
        at = at == 0 ? text.npos : text.rfind('\n', at - 1);
    return printable_lines(at == text.npos ? text : text.substr(at + 1));
}

Done load_module(const std::string &name) {
    const fs::path path = fs::path(module_folder) / name;
    const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const bool is_packed = !name.ends_with(".ko");
    if (!file || (syscall(SYS_finit_module, file.get(), "",
                          is_packed ? MODULE_INIT_COMPRESSED_FILE : 0) != 0 &&
                  errno != EEXIST))
        return cannot(fmt::format("load the module {}", name), errno);
    return {};
}

}  // namespace

Result<KernelReport> examine_next_kernel(const std::string &root, const std::string &version,
                                         const std::string &words) {
    auto kernel = read_kernel(root, version, modules);
    if (!kernel) return tl::unexpected(kernel.error());
    auto initramfs = pack(*kernel);
    if (!initramfs) return tl::unexpected(initramfs.error());
    auto answer = run_guest({.image = std::move(kernel->image),
                             .initramfs = std::move(*initramfs),
                             .words = fmt::format("rdinit={} -- {}", program, words),
                             .last_word = std::string(last_line),
                             .seconds = patience});
    if (!answer) return tl::unexpected(answer.error());
    KernelReport report{.text = {}, .status = -1};
    std::erase(answer->text, '\r');
    std::istringstream lines(answer->text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(last_line))
            std::from_chars(line.data() + last_line.size(), line.data() + line.size(),
                            report.status);
        else
            report.text += line + '\n';
    }
    report.text = printable_lines(report.text);
    if (report.status >= 0) return report;
    if (!answer->in_time)
        return fault(fmt::format("the kernel {} gave no answer in {} s:\n{}{}", version, patience,
                                 report.text, last_lines(answer->console, 20)),
                     "try again when this host is less busy");
    return fault(fmt::format("the kernel {} gave no answer:\n{}{}", version, report.text,
                             last_lines(answer->console, 20)),
                 "it may be that it does not run in an emulator: try it on a host that may fail");
}

Done begin_guest() {
    const struct {
        const char *kind, *where;
    } mounts[] = {{"proc", "/proc"},
                  {"sysfs", "/sys"},
                  {"devtmpfs", "/dev"},
                  {"bpf", "/sys/fs/bpf"},
                  {"tmpfs", "/run"}};
    for (const auto &one : mounts)
        if (mount(one.kind, one.where, one.kind, 0, nullptr) != 0 && errno != EBUSY)
            return cannot(fmt::format("mount {}", one.where), errno);
    const Fd port(open(answer_port, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!port || dup2(port.get(), STDOUT_FILENO) < 0 || dup2(port.get(), STDERR_FILENO) < 0)
        return cannot(fmt::format("open {}", answer_port), errno);
    auto order = read_file(module_order);
    if (!order) return tl::unexpected(order.error());
    std::istringstream names(*order);
    for (std::string name; names >> name;)
        if (auto loaded = load_module(name); !loaded) return loaded;
    if (if_nametoindex(guest_interface) == 0)
        return fault("it has no driver for the emulator's network card (virtio_net)");
    return {};
}

void end_guest(int status) {
    fmt::print("{}{}\n", last_line, status);
    std::fflush(stdout);
    tcdrain(STDOUT_FILENO);
    reboot(RB_POWER_OFF);
    for (;;) pause();
}

}  // namespace pm
