// SPDX-License-Identifier: Apache-2.0
// Descriptors of everything that is pinned. While a process holds them, nobody detaches anything by
// removing pins: a link lives as long as it has a pin or a descriptor. And the pins can be made
// again. The caller holds the writer's lock.
//
// Which pins are missing
//   Only others remove pins while nobody changes anything. So a pin that was held and is not there
//   is missing, but for these, which a command has removed since:
//   - all, if the maps that are pinned now are others and a policy is in force by them;
//   - those of an interface without an entry in the map `interfaces`, or with other pins than held;
//   - a link whose device is gone, or that was detached;
//   - next_NAME, if NAME is not what it was: an exchange (attach/exchange.h) has ended;
//   - next_NAME, if the maps have another layout: a takeover was given up;
//   - all, if `abi` is another map: another process has taken over from one layout to another.
//   Maps of another layout are held as well. A policy may be in force by them, and where their
//   entries of interfaces cannot be read, all their interfaces count as attached.
//   If a link runs a program that is not held, programs were exchanged since the last look. Then
//   the maps held may be those of before, and nothing is pinned again.
//
// Order in which they are made again
//   The links, since whoever holds the descriptors may be killed; then all else; `abi` at the end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/pins.h"
#include "maps/abi.h"
#include "policy/base/fd.h"

namespace pm {

class HeldPins {
public:
    bool empty() const { return held_.empty(); }
    void release() { held_.clear(); }

    // Holds what is pinned now, and nothing else; nothing without `abi` and `control`. What was
    // held stays held if something is missing: others may remove pins at any moment.
    Done take(const Paths &paths, const std::vector<std::string> &detached);

    // Is a policy in force by the maps that are held? Of another layout it is taken for granted.
    bool in_force() const;

    // Names of pins that were removed, such as "images" or "interface-0/ingress", without those of
    // the interfaces `detached`. Everything is let go if the pins are those of other maps.
    Result<std::vector<std::string>> missing(const Paths &paths,
                                             const std::vector<std::string> &detached);

    // Pins these again.
    Done pin_again(const Paths &paths, std::vector<std::string> missing) const;

    // How many pins are held.
    std::size_t size() const { return held_.size(); }

private:
    struct Held {
        Fd fd;
        std::uint32_t id = 0;
    };
    using ByName = std::map<std::string, Held>;

    static Result<ByName> pinned_now(const Paths &paths);
    int fd(const std::string &name) const;
    bool has_entries() const;
    std::optional<pm_interface> entry(unsigned number) const;
    bool is_of_others(const ByName &now) const;
    bool has_other_abi(const ByName &now) const;
    static bool has_other_layout(const ByName &now);
    bool is_missing(const std::string &name, const ByName &now,
                    const std::vector<std::string> &detached) const;
    Done check_programs() const;

    ByName held_;
};

}  // namespace pm
