// SPDX-License-Identifier: Apache-2.0
// examine_host(): the kernel and its settings, privileges, folders, routing, other firewalls.
#include "loader/doctor/host.h"

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>

#include <fmt/core.h>

#include "loader/base/file.h"
#include "loader/base/paths.h"
#include "loader/doctor/proc.h"
#include "loader/host/netlink.h"
#include "loader/kernel/bpffs.h"
#include "loader/kernel/jiffies.h"
#include "loader/kernel/program.h"
#include "policy/base/text.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

void examine_kernel(Findings &findings) {
    utsname name = {};
    unsigned major = 0, minor = 0;
    if (uname(&name) != 0 || std::sscanf(name.release, "%u.%u", &major, &minor) != 2) return;
    const std::string release = printable(name.release);
    const auto since = [&](unsigned wanted_major, unsigned wanted_minor) {
        return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
    };
    if (!since(6, 1))
        findings.warning("kernel", fmt::format("Linux {} is older than 6.1: not tested", release),
                         "use Linux 6.1 or newer");
    else if (!since(6, 6))
        findings.note("kernel",
                      fmt::format("Linux {} has no TCX: what filters on the way out is a filter of "
                                  "a clsact qdisc, which 'tc qdisc del' removes",
                                  release),
                      "let the service run: it attaches again what others remove");
    else
        findings.fine("kernel", fmt::format("Linux {}, with TCX", release));
    std::error_code error;
    if (fs::exists("/sys/kernel/btf/vmlinux", error))
        findings.fine("btf", "the kernel has BTF (not needed)");
    else
        findings.note("btf", "the kernel has no BTF (not needed)");
    findings.fine("hz", fmt::format("{} jiffies a second", kernel_hz()));
}

void examine_jit(Findings &findings) {
    const std::string jit = read_word("/proc/sys/net/core/bpf_jit_enable");
    if (jit.empty())
        findings.note("jit", "whether programs are compiled cannot be read here",
                      "look in the first network namespace: sysctl net.core.bpf_jit_enable");
    else if (jit == "0")
        findings.warning("jit", "programs are interpreted, which takes several times as long",
                         "sysctl -w net.core.bpf_jit_enable=1");
    else
        findings.fine("jit", "programs are compiled to machine code");
}

void examine_privileges(Findings &findings) {
    const auto text = read_file("/proc/self/status");
    if (!text) return findings.note("privileges", text.error().message);
    std::uint64_t effective = 0;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("CapEff:")) effective = std::stoull(line.substr(7), nullptr, 16);
    const struct {
        unsigned number;
        const char *name;
    } needed[] = {
        {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}};
    std::string missing;
    for (const auto &one : needed)
        if (!(effective >> one.number & 1) && !(effective >> CAP_SYS_ADMIN & 1))
            missing += (missing.empty() ? "" : ", ") + std::string(one.name);
    if (geteuid() != 0)
        findings.note("privileges", "not root: what is attached cannot be looked at",
                      "run it with sudo");
    else if (!missing.empty())
        findings.warning("privileges", fmt::format("root, but without {}", missing),
                         "give it these capabilities");
    else
        findings.fine("privileges", "root, with all that is needed");
}

// `path`, or the nearest folder above it that exists.
fs::path existing(fs::path path) {
    std::error_code error;
    while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
    return path;
}

void examine_folders(const Paths &paths, Findings &findings) {
    const struct {
        const char *check;
        const fs::path &path;
    } folders[] = {{"pins", paths.pins}, {"state", paths.state}, {"run", paths.run}};
    for (const auto &one : folders) {
        auto safe = has_private_folder(one.path);
        if (!safe && geteuid() != 0)
            continue;  // only root can look into them
        else if (!safe)
            findings.wrong(one.check, safe.error().message,
                           safe.error().hint.empty()
                               ? "make it root's alone: chown root, chmod 0700"
                               : safe.error().hint);
        else
            findings.fine(one.check, fmt::format("{} {}", one.path.string(),
                                                 *safe ? "is root's alone" : "is not there yet"));
    }
}

// The pins end with the mount that they are on.
void examine_bpffs(const Paths &paths, Findings &findings) {
    constexpr const char *remedy = "run it on the host, or mount the host's /sys/fs/bpf here";
    struct statfs status = {};
    const fs::path pins = existing(paths.pins);
    if (statfs(pins.c_str(), &status) != 0) {
        findings.warning("bpffs", fmt::format("{} cannot be looked at", pins.string()), remedy);
        return;
    }
    const bool mounted = status.f_type == BPF_FS_MAGIC;
    if (geteuid() != 0) {
        findings.note("bpffs", "whether the pins are on a bpffs of the host, only root can see",
                      "run it with sudo");
        return;
    }
    const Lasting lasting = bpffs_lasts(pins);
    if (lasting == Lasting::yes && mounted)
        findings.fine("bpffs", fmt::format("{} is on a bpffs of the host", pins.string()));
    else if (lasting == Lasting::yes)
        findings.note("bpffs", fmt::format("no bpffs is mounted for {}: apply mounts one",
                                           paths.pins.string()));
    else if (!mounted)
        findings.warning("bpffs",
                         fmt::format("no bpffs is mounted for {}, and apply refuses to mount one "
                                     "here: it might not last",
                                     paths.pins.string()),
                         remedy);
    else if (lasting == Lasting::no)
        findings.wrong("bpffs",
                       fmt::format("the bpffs of {} is mounted in this mount namespace alone: what "
                                   "is attached ends with it",
                                   pins.string()),
                       remedy);
    else
        findings.warning("bpffs",
                         fmt::format("whether the bpffs of {} is the host's cannot be told here: "
                                     "if it is not, what is attached ends with this container",
                                     pins.string()),
                         "look on the host: findmnt -t bpf");
}

void examine_routing(Findings &findings) {
    std::string families;
    const std::string v4 = read_word("/proc/sys/net/ipv4/ip_forward"),
                      v6 = read_word("/proc/sys/net/ipv6/conf/all/forwarding");
    std::error_code error;
    if (v4.empty() || (v6.empty() && fs::exists("/proc/sys/net/ipv6", error))) {
        findings.note("forwarding", "whether this host routes cannot be read here",
                      "sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding");
        return;
    }
    if (v4 == "1") families = "IPv4";
    if (v6 == "1") families += families.empty() ? "IPv6" : " and IPv6";
    if (families.empty())
        findings.fine("forwarding", "this host routes nothing");
    else
        findings.warning(
            "forwarding",
            fmt::format("this host routes {}; what it routes for others is dropped by a "
                        "filtered interface ('forwarded'), but for NAT of listed "
                        "addresses",
                        families),
            "if it is no router: sysctl -w net.ipv4.ip_forward=0 "
            "net.ipv6.conf.all.forwarding=0");
}

void examine_other_firewalls(Findings &findings) {
    std::string others;
    const auto tables = count_nftables();
    if (tables && *tables != 0)
        others = fmt::format("{} nftables table{}", *tables, *tables == 1 ? "" : "s");
    for (const char *names : {"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"})
        if (!read_word(names).empty()) others += others.empty() ? "iptables" : " and iptables";
    if (others.empty() && !tables)
        findings.note("firewalls",
                      "whether there are nftables rules cannot be told: " + tables.error().message);
    else if (others.empty())
        findings.fine("firewalls", "no nftables or iptables rules");
    else
        findings.note("firewalls", fmt::format("{}: what passes here is asked there too", others),
                      "if a packet that a row lets pass does not arrive: nft list ruleset");
}

}  // namespace

void examine_host(const Paths &paths, Findings &findings) {
    examine_kernel(findings);
    examine_jit(findings);
    examine_privileges(findings);
    examine_folders(paths, findings);
    examine_bpffs(paths, findings);
    examine_routing(findings);
    examine_other_firewalls(findings);
}

}  // namespace pm
