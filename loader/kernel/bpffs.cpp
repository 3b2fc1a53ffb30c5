// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/bpffs.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <string>

#include <fmt/core.h>

#include "loader/base/file.h"
#include "loader/base/paths.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr const char *bpf_mount = "/sys/fs/bpf";

bool is_bpffs(const fs::path &path) {
    struct statfs status;
    return statfs(path.c_str(), &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

constexpr ino_t first_pid_namespace = 0xeffffffc;
// Since Linux 6.18. Before, the number of the first mount namespace was not fixed.
constexpr ino_t first_mount_namespace = 0xeffffff8;

// 0: it cannot be read.
ino_t number_of_namespace(const char *path) {
    struct stat status = {};
    return stat(path, &status) == 0 ? status.st_ino : 0;
}

Lasting lasts_in_this_namespace() {
    const ino_t ours = number_of_namespace("/proc/self/ns/mnt");
    if (ours == first_mount_namespace) return Lasting::yes;
    // In a PID namespace of its own, process 1 is that of a container.
    if (number_of_namespace("/proc/self/ns/pid") != first_pid_namespace) return Lasting::unknown;
    const ino_t first = number_of_namespace("/proc/1/ns/mnt");
    if (ours == 0 || first == 0) return Lasting::unknown;
    return ours == first ? Lasting::yes : Lasting::no;
}

// Does process 1 have a mount of the file system that `path` is on?
Lasting is_mounted_for_the_host(const fs::path &path) {
    struct stat status = {};
    if (number_of_namespace("/proc/self/ns/pid") != first_pid_namespace ||
        stat(path.c_str(), &status) != 0)
        return Lasting::unknown;
    auto mounts = read_file("/proc/1/mountinfo");
    if (!mounts) return Lasting::unknown;
    const std::string device = fmt::format("{}:{}", major(status.st_dev), minor(status.st_dev));
    std::istringstream lines(*mounts);
    std::string id, parent, found;
    for (std::string line; std::getline(lines, line);)
        if (std::istringstream(line) >> id >> parent >> found && found == device)
            return Lasting::yes;
    return Lasting::no;
}

Done mount_bpffs(const fs::path &where) {
    const char *hint =
        "run it on the host; in a container, mount the host's /sys/fs/bpf into it; under 'ip netns "
        "exec', use nsenter --net=/run/netns/NAME instead";
    switch (lasts_in_this_namespace()) {
        case Lasting::yes:
            break;
        case Lasting::no:
            return fault(
                fmt::format("no bpffs is mounted on {}, and one that is mounted here would "
                            "not last: this is not the host's mount namespace",
                            where.string()),
                hint, Exit::refused);
        case Lasting::unknown:
            return fault(fmt::format("no bpffs is mounted on {}, and it cannot be told whether one "
                                     "that is mounted here would last",
                                     where.string()),
                         hint, Exit::refused);
    }
    if (mount("bpf", where.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0)
        return cannot(fmt::format("mount a bpffs on {}", where.string()), errno);
    return {};
}

bool is_inside(const fs::path &path, const fs::path &folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
           folder.end();
}

}  // namespace

Lasting bpffs_lasts(const fs::path &path) {
    const Lasting here = lasts_in_this_namespace();
    if (!is_bpffs(path) || here == Lasting::yes) return here;
    return is_mounted_for_the_host(path);
}

Done prepare_pin_folder(const fs::path &path) {
    const bool in_default = is_inside(path, bpf_mount);
    if (in_default && !is_bpffs(bpf_mount)) {
        if (auto mounted = mount_bpffs(bpf_mount); !mounted) return mounted;
    }
    if (auto made = make_private_folder(path); !made) return made;
    if (!is_bpffs(path)) return mount_bpffs(path);
    if (bpffs_lasts(path) != Lasting::no) return {};
    return fault(fmt::format("the bpffs of {} is mounted in this mount namespace alone: what is "
                             "attached would end with it",
                             path.string()),
                 "mount the host's /sys/fs/bpf here, or run it on the host", Exit::refused);
}

}  // namespace pm
