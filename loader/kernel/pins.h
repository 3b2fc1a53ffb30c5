// SPDX-License-Identifier: Apache-2.0
// What stays in the kernel without us, and where it is found again:
//
//   PINS/MAP                          the shared maps under their names; `abi` is made last and
//                                     removed first: without it the rest is a leftover
//   PINS/ask_in, ask_out              the probe programs
//   PINS/interface-NUMBER/            of an interface: ingress and egress (the links; clsact has
//                                     none), ingress_program, egress_program, rows
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/base/paths.h"
#include "loader/kernel/map.h"
#include "loader/kernel/program.h"
#include "maps/abi.h"

namespace pm {

// A pinned map, program or link.
Result<Fd> open_pin(const std::filesystem::path &path, Access access = Access::write);

class Pins {
public:
    // Nothing, if nothing is attached. The ABI version is compared before anything else; another
    // one's pins are a fault. What is opened to be read needs no privilege but to read the files.
    static Result<std::optional<Pins>> open(const Paths &paths, Access access = Access::write);

    // Pins the shared maps and the probe programs of `program`. What an interrupted run left in
    // the folder is removed first.
    static Result<Pins> create(const Paths &paths, const Program &program);

    // Removes everything, interfaces' folders (and with them their links) first.
    static void remove_all(const Paths &paths);

    const Maps &maps() const { return maps_; }

    // An interface that has a number. Its links may be gone: see attached_now() in attach.h.
    struct Interface {
        unsigned number;
        pm_interface entry;
        std::string name() const { return entry.name; }
    };
    Result<std::vector<Interface>> interfaces() const;  // by number
    Done set_interface(unsigned number, const pm_interface &entry) const;

    // The counters of an interface's rows, as these pins were opened.
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

Done pin(int fd, const std::filesystem::path &path);

}  // namespace pm
