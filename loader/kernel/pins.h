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
//   layout-VERSION/     maps of that layout that are about to replace those above
//                       (attach/layout_takeover.h)
//
// Order in which they are made
//   1. create(): what an interrupted run left is removed, and what a newer release has pinned, if
//      that is to be left; all maps but `abi`; the probe programs; `abi`. Where there is no `abi`
//      nothing is attached, and the rest is a leftover.
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
#include <string_view>
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

// The one value of the map `abi`, of whatever layout. What an older one does not have is 0.
Result<pm_build> read_build(int fd);

// What has the name goes first.
Done pin_anew(int fd, const std::filesystem::path &path);

// What has the name `to` goes in the same instant.
Done rename_pin(const std::filesystem::path &from, const std::filesystem::path &to);

// Where it decides what is done whether something is there: what cannot be told is a fault.
Result<bool> is_there(const std::filesystem::path &path);
Result<Fd> open_if_there(const std::filesystem::path &path);  // no descriptor: there is no such pin
Done rename_if_there(const std::filesystem::path &from, const std::filesystem::path &to);

// How names of pins begin: of the folder of an interface, of a folder of maps of another layout,
// and of what is about to replace the pin with the rest of the name.
inline constexpr std::string_view interface_prefix = "interface-", layout_prefix = "layout-",
                                  next_prefix = "next_";
std::string next_name(const std::string &name);

class Pins {
public:
    // Nothing, if nothing is attached. A fault if the maps have another layout, or if another
    // process takes over from one: `abi` is looked at before anything else is opened, and it must
    // be the same map at the end. To open pins for reading, a process needs only the right to read
    // the files.
    static Result<std::optional<Pins>> open(const Paths &paths, Access access = Access::write);

    // The same for who takes over: whatever layout the maps have, and if a takeover is going on.
    static Result<Pins> open_any_layout(const Paths &paths);

    // The pins of these maps, which are open.
    static Pins of(const Paths &paths, Maps maps);

    // What `abi` says; nothing, if nothing is attached, or if it is newer and to be left.
    static Result<std::optional<pm_build>> build(const Paths &paths, Access access = Access::write);

    // Are the pins about to be those of this release? It may have been interrupted.
    static bool are_being_taken_over(const Paths &paths);

    // The folder of maps that are about to be those of this layout.
    static std::filesystem::path layout_folder(const Paths &paths, std::uint32_t version);

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

    Done open_maps();

    std::filesystem::path folder_;
    Access access_;
    Maps maps_;
};

}  // namespace pm
