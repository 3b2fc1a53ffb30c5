// SPDX-License-Identifier: Apache-2.0
// What stays in the kernel after portmatrix has ended, and where it is found again. A pin is a name
// on a bpffs (bpffs.h) that holds a map, a program or a link.
//
// Layout of the folder PINS
//   MAP                 each shared map under its name; `abi` says which layout they have
//   ask_in, ask_out     the probe programs
//   interface-NUMBER/   an interface that has a number:
//     rows                              the map of its rows' counters
//     ingress_program, egress_program   its programs
//     ingress, egress                   their links; a clsact filter has none (attach/attach.h)
//   next_NAME           a map or program that is about to replace NAME (attach/exchange.h)
//
// Order in which they are made
//   1. create(): what an interrupted run left is removed; all maps but `abi`; the probe programs;
//      `abi`. Where there is no `abi` nothing is attached, and the rest is a leftover.
//   2. pin_interface(): its leftovers are removed; rows; ingress_program; egress_program. If there
//      is no egress_program, the folder is a leftover: see has_interface().
//   3. the interface's entry in the map `interfaces`, with its name: from now on it has the number.
//      An absent interface has no more than this: its entry has a name and no device.
//   4. attach() of attach/attach.h: the links.
//
// Order in which they are removed
//   of an interface   the links, its entry, then its folder
//   of everything     the folders of the interfaces with their links, `abi`, the rest, PINS itself
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/map.h"
#include "loader/kernel/program.h"
#include "maps/abi.h"
#include "policy/base/fd.h"

namespace pm {

// Opens a pinned map, program or link.
Result<Fd> open_pin(const std::filesystem::path &path, Access access = Access::write);

// Pins a map, program or link under a name that is free.
Done pin(int fd, const std::filesystem::path &path);

class Pins {
public:
    // Nothing, if nothing is attached. A fault if the maps have another layout: the version in
    // `abi` is compared before anything else is opened. To open pins for reading, a process needs
    // only the right to read the files.
    static Result<std::optional<Pins>> open(const Paths &paths, Access access = Access::write);

    // Pins the shared maps and the probe programs of `program`.
    static Result<Pins> create(const Paths &paths, const Program &program);

    // Removes everything.
    static void remove_all(const Paths &paths);

    const Maps &maps() const { return maps_; }

    // An interface that has a number. It may be absent (entry.ifindex is 0), and its links may be
    // gone: see attached_now() in attach/attach.h.
    struct Interface {
        unsigned number;
        pm_interface entry;
        std::string name() const { return entry.name; }
    };
    Result<std::vector<Interface>> interfaces() const;  // by number
    Done set_interface(unsigned number, const pm_interface &entry) const;

    // The counters of an interface's rows, opened with the access of these pins.
    Result<Fd> rows(unsigned number) const { return open_pin(path(number, "rows"), access_); }

    std::filesystem::path path(const std::string &name) const { return folder_ / name; }
    std::filesystem::path folder(unsigned number) const;  // of an interface
    std::filesystem::path path(unsigned number, const std::string &name) const;

    // Are its programs and counters pinned, all of them?
    bool has_interface(unsigned number) const;
    Done pin_interface(unsigned number, const Program &program) const;
    void remove_interface(unsigned number) const;

private:
    explicit Pins(std::filesystem::path folder, Access access = Access::write)
        : folder_(std::move(folder)), access_(access) {}

    std::filesystem::path folder_;
    Access access_;
    Maps maps_;
};

}  // namespace pm
