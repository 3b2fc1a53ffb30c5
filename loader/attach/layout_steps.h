// SPDX-License-Identifier: Apache-2.0
// The steps of a takeover, as layout_takeover.h numbers them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "loader/attach/layouts.h"
#include "loader/base/fault.h"
#include "loader/base/paths.h"
#include "loader/kernel/map.h"
#include "loader/kernel/pins.h"

namespace pm {

struct LayoutTarget {
    std::uint32_t version;
    std::vector<LayoutStep> steps;
    std::string object = {};  // the file of its programs; empty: those of this build
};

class LayoutTakeover {
public:
    LayoutTakeover(const Paths &paths, const LayoutTarget &target)
        : paths_(paths), target_(target), folder_(Pins::layout_folder(paths, target.version)) {}

    // Steps 1 to 4. If one fails, what they made goes again.
    Done begin(std::uint32_t from);
    Done finish();  // steps 5 to 7
    Result<bool> has_begun() const { return is_there(folder_); }

private:
    Done prepare(std::uint32_t from);
    void give_up() const;
    Done make_maps();
    Done load_hooks(unsigned number);
    Done copy_all(const Pins &pins);
    Done open_maps();
    Done put_behind_links(const Pins &pins, unsigned number);
    Done add_missing();
    Done rename_interface(const Pins &pins, unsigned number);
    Done rename_maps();
    Done remove_unused();
    Done check_old() const;
    bool is_kept(const std::string &name) const {
        return name != "abi" && !name.starts_with(next_prefix) && !changes_.contains(name);
    }
    std::filesystem::path pin_of(const std::string &name) const { return paths_.pins / name; }

    const Paths &paths_;
    const LayoutTarget &target_;
    std::filesystem::path folder_;
    MapChanges changes_;
    Maps old_;
    Maps maps_;                        // that the programs of the target use
    std::set<std::string> in_folder_;  // of these
};

}  // namespace pm
