// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/bpffs.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/core.h>

#include "loader/base/paths.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr const char *bpf_mount = "/sys/fs/bpf";

bool is_bpffs(const fs::path &path) {
    struct statfs status;
    return statfs(path.c_str(), &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

// A mount made in a private mount namespace goes away with the process, and with it every pin.
bool has_own_mount_namespace() {
    auto differs = [](const fs::path &process) {
        std::error_code error;
        const fs::path ours = fs::read_symlink("/proc/self/ns/mnt", error);
        const fs::path theirs = fs::read_symlink(process / "ns/mnt", error);
        return !ours.empty() && !theirs.empty() && ours != theirs;
    };
    return differs("/proc/1") || differs(fmt::format("/proc/{}", getppid()));
}

Done mount_bpffs(const fs::path &where) {
    if (has_own_mount_namespace())
        return fault(fmt::format("no bpffs is mounted on {}, and a mount made here would not last",
                                 where.string()),
                     "this process has a mount namespace of its own, as under 'ip netns exec': "
                     "use nsenter --net=/run/netns/NAME, or mount a bpffs there before");
    if (mount("bpf", where.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0)
        return cannot(fmt::format("mount a bpffs on {}", where.string()), errno);
    return {};
}

bool is_inside(const fs::path &path, const fs::path &folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
           folder.end();
}

}  // namespace

Done prepare_pin_folder(const fs::path &path) {
    const bool in_default = is_inside(path, bpf_mount);
    if (in_default && !is_bpffs(bpf_mount)) {
        if (auto mounted = mount_bpffs(bpf_mount); !mounted) return mounted;
    }
    if (auto made = check_private_folder(path, true); !made) return tl::unexpected(made.error());
    if (is_bpffs(path)) return {};
    return mount_bpffs(path);
}

}  // namespace pm
