// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/layout_steps.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/attach/copy_map.h"
#include "loader/base/file.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/program.h"
#include "loader/own/places.h"
#include "policy/base/text.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

using Kind = MapChange::Kind;

constexpr const char *program_names[] = {"ingress_program", "egress_program"};
constexpr const char *probe_names[] = {"ask_in", "ask_out"};

// The numbers of the interfaces that have a folder, whichever layout made it.
Result<std::vector<unsigned>> numbers_of(const Paths &paths) {
    auto entries = list_folder(paths.pins);
    if (!entries) return tl::unexpected(entries.error());
    std::vector<unsigned> numbers;
    for (const fs::path &entry : *entries) {
        const std::string name = entry.filename();
        if (!name.starts_with(interface_prefix)) continue;
        const auto number = parse_digits<unsigned>(name.substr(interface_prefix.size()));
        if (number && *number < PM_INTERFACES) numbers.push_back(*number);
    }
    return numbers;
}

bool is_flow_table(const std::string &name) {
    return std::ranges::any_of(flow_tables,
                               [&](const FlowTable &table) { return table.name == name; });
}

Done remove_folder(const fs::path &folder) {
    auto entries = list_folder(folder);
    if (!entries) return tl::unexpected(entries.error());
    std::error_code ignored;
    for (const fs::path &one : *entries) fs::remove(one, ignored);
    if (rmdir(folder.c_str()) == 0 || errno == ENOENT) return {};
    return cannot(fmt::format("remove the folder {}", folder.string()), errno);
}

}  // namespace

// Step 1, and the probe programs of step 2.
Done LayoutTakeover::make_maps() {
    auto options = options_of_sizes(old_);
    if (!options) return tl::unexpected(options.error());
    Maps kept;
    options->anew.insert("abi");
    for (const auto &[name, fd] : old_.all())
        if (is_kept(name)) kept.add(name, Fd::copy_of(fd.get()));
    for (const auto &[name, change] : changes_)
        if (change.kind != Kind::removed && name != "rows") options->anew.insert(name);
    options->hooks = false;
    options->shared = &kept;
    options->object = target_.object;
    auto program = Program::load(*options);
    if (!program) return tl::unexpected(program.error());

    if (auto done = remove_folder(folder_); !done) return done;
    if (mkdir(folder_.c_str(), 0700) != 0)
        return cannot(fmt::format("make the folder {}", folder_.string()), errno);
    if (auto done = pin(old_.fd("abi"), folder_ / "from"); !done) return done;
    for (const auto &[name, fd] : program->maps().all()) {
        maps_.add(name, Fd::copy_of(fd.get()));
        if (name == "abi" || !options->anew.contains(name)) continue;
        if (auto done = pin(fd.get(), folder_ / name); !done) return done;
    }
    return pin_anew(program->ask_in(), pin_of(next_name("ask_in"))).and_then([&] {
        return pin_anew(program->ask_out(), pin_of(next_name("ask_out")));
    });
}

// An empty map in place of one that should be there would let everything pass, or cut every flow.
Done LayoutTakeover::check_old() const {
    for (const auto &[name, change] : changes_)
        if (change.kind == Kind::copied && name != "rows" && old_.fd(name) < 0)
            return fault(fmt::format("the map '{}' is not pinned", name));
    return {};
}

// Step 2. One interface at a time, so that few descriptors are open.
Done LayoutTakeover::load_hooks(unsigned number) {
    const Pins pins = Pins::of(paths_, {});
    Result<Fd> rows = changes_.contains("rows") ? Fd() : open_if_there(pins.path(number, "rows"));
    if (!rows) return tl::unexpected(rows.error());
    auto program = Program::load({.interface = number,
                                  .probes = false,
                                  .shared = &maps_,
                                  .rows = rows->get(),
                                  .object = target_.object});
    if (!program) return tl::unexpected(program.error());
    std::error_code ignored;
    fs::remove(pins.path(number, next_name("rows")), ignored);  // left by another takeover
    if (!*rows)  // they change, or others removed them
        if (auto done = pin(program->rows(), pins.path(number, next_name("rows"))); !done)
            return done;
    return pin_anew(program->ingress(), pins.path(number, next_name("ingress_program")))
        .and_then([&] {
            return pin_anew(program->egress(), pins.path(number, next_name("egress_program")));
        });
}

// Step 3. Flows come last: they change all the time.
Done LayoutTakeover::copy_all(const Pins &pins) {
    auto numbers = numbers_of(paths_);
    if (!numbers) return tl::unexpected(numbers.error());
    for (const auto &[name, change] : changes_) {
        if (change.kind != Kind::copied || name == "rows" || is_flow_table(name)) continue;
        if (auto done = copy_map(old_.fd(name), maps_.fd(name), name, change, Entries::all); !done)
            return done;
    }
    const auto rows = changes_.find("rows");
    for (const unsigned number : *numbers) {
        if (rows == changes_.end() || rows->second.kind != Kind::copied) break;
        auto from = open_pin(pins.path(number, "rows")),
             to = open_pin(pins.path(number, next_name("rows")));
        if (!from) continue;  // others removed it: the new one is empty
        if (!to) return tl::unexpected(to.error());
        auto done = copy_map(from->get(), to->get(), "rows", rows->second, Entries::all);
        if (!done) return done;
    }
    for (const FlowTable &table : flow_tables) {
        const auto change = changes_.find(table.name);
        if (change == changes_.end() || change->second.kind != Kind::copied) continue;
        auto done = copy_map(old_.fd(table.name), maps_.fd(table.name), table.name, change->second,
                             Entries::all);
        if (!done) return done;
    }
    return {};
}

Done LayoutTakeover::prepare(std::uint32_t from) {
    auto opened = Pins::open_any_layout(paths_);
    if (!opened) return tl::unexpected(opened.error());
    for (const auto &[name, fd] : opened->maps().all()) old_.add(name, Fd::copy_of(fd.get()));
    changes_ = changes_since(from, target_.steps);
    if (auto checked = check_old(); !checked) return checked;
    auto numbers = numbers_of(paths_);
    if (!numbers) return tl::unexpected(numbers.error());
    if (auto made = make_maps(); !made) return made;
    for (const unsigned number : *numbers)
        if (auto loaded = load_hooks(number); !loaded) return loaded;
    pm_build build = this_build();
    build.abi = target_.version;
    const std::uint32_t key = 0;
    if (bpf_map_update_elem(maps_.fd("abi"), &key, &build, BPF_ANY) != 0)
        return cannot("write the map 'abi'", errno);
    return pin(maps_.fd("abi"), folder_ / "abi")
        .and_then([&] { return copy_all(*opened); })
        .and_then([&] { return rename_pin(folder_ / "abi", pin_of("abi")); });
}

// Else the new maps would need memory, and readers would wait for a takeover that nobody does.
void LayoutTakeover::give_up() const {
    (void)remove_folder(folder_);
    std::error_code ignored;
    for (const char *name : probe_names) fs::remove(pin_of(next_name(name)), ignored);
    const Pins pins = Pins::of(paths_, {});
    for (const unsigned number : numbers_of(paths_).value_or(std::vector<unsigned>()))
        for (const char *name : {"rows", program_names[0], program_names[1]})
            fs::remove(pins.path(number, next_name(name)), ignored);
}

Done LayoutTakeover::begin(std::uint32_t from) {
    auto done = prepare(from);
    if (!done) give_up();
    return done;
}

// Those that are pinned, and in their place those in the folder.
Done LayoutTakeover::open_maps() {
    auto from = open_pin(folder_ / "from");
    if (!from) return tl::unexpected(from.error());
    auto build = read_build(from->get());
    if (!build) return tl::unexpected(build.error());
    changes_ = changes_since(build->abi, target_.steps);
    auto opened = Pins::open_any_layout(paths_);
    if (!opened) return tl::unexpected(opened.error());
    old_ = {};
    maps_ = {};
    for (const auto &[name, fd] : opened->maps().all()) {
        old_.add(name, Fd::copy_of(fd.get()));
        const auto change = changes_.find(name);
        if (change == changes_.end() || change->second.kind != Kind::removed)
            maps_.add(name, Fd::copy_of(fd.get()));
    }
    auto entries = list_folder(folder_);
    if (!entries) return tl::unexpected(entries.error());
    for (const fs::path &entry : *entries) {
        if (entry.filename() == "from") continue;
        auto map = open_pin(entry);
        if (!map) return tl::unexpected(map.error());
        maps_.add(entry.filename(), std::move(*map));
        in_folder_.insert(entry.filename());
    }
    return {};
}

// Step 5.
Done LayoutTakeover::put_behind_links(const Pins &pins, unsigned number) {
    Fd programs[2];
    for (int i = 0; i < 2; ++i) {
        auto next = open_if_there(pins.path(number, next_name(program_names[i])));
        if (!next) return tl::unexpected(next.error());
        auto program = *next ? std::move(next) : open_if_there(pins.path(number, program_names[i]));
        if (!program) return tl::unexpected(program.error());
        programs[i] = std::move(*program);
    }
    if (!programs[0] && !programs[1]) return {};  // a folder that was made, and no more
    auto interfaces = pins.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    Pins::Interface interface {
        .number = number, .entry = {}
    };
    for (const Pins::Interface &one : *interfaces)
        if (one.number == number) interface = one;
    return replace(pins, interface, programs[0].get(), programs[1].get());
}

// Step 6. A map whose pin has been renamed was dealt with before.
Done LayoutTakeover::add_missing() {
    for (const auto &[name, change] : changes_) {
        if (change.kind != Kind::copied || !in_folder_.contains(name)) continue;
        auto done = copy_map(old_.fd(name), maps_.fd(name), name, change, Entries::missing);
        if (!done) return done;
    }
    return {};
}

Done LayoutTakeover::rename_interface(const Pins &pins, unsigned number) {
    for (const char *name : {"rows", program_names[0], program_names[1]}) {
        auto done = rename_if_there(pins.path(number, next_name(name)), pins.path(number, name));
        if (!done) return done;
    }
    return {};
}

Done LayoutTakeover::rename_maps() {
    for (const char *name : probe_names)
        if (auto done = rename_if_there(pin_of(next_name(name)), pin_of(name)); !done) return done;
    auto entries = list_folder(folder_);
    if (!entries) return tl::unexpected(entries.error());
    for (const fs::path &entry : *entries) {
        if (entry.filename() == "from") continue;
        if (auto done = rename_pin(entry, pin_of(entry.filename())); !done) return done;
    }
    return {};
}

// The copies of a growth that was interrupted (exchange.h) are used by no program any more, nor are
// maps of takeovers that were given up. At last the folder goes, and `from` with it.
Done LayoutTakeover::remove_unused() {
    std::error_code ignored;
    for (const auto &[name, fd] : old_.all()) {
        const auto change = changes_.find(name);
        const bool removed = change != changes_.end() && change->second.kind == Kind::removed;
        if (removed || name.starts_with(next_prefix)) fs::remove(pin_of(name), ignored);
    }
    const auto entries = list_folder(paths_.pins);
    for (const fs::path &entry : entries.value_or(std::vector<fs::path>()))
        if (entry.filename().string().starts_with(layout_prefix) && entry != folder_)
            (void)remove_folder(entry);  // it is in nobody's way
    return remove_folder(folder_);
}

Done LayoutTakeover::finish() {
    auto has_from = is_there(folder_ / "from");
    if (!has_from) return tl::unexpected(has_from.error());
    if (!*has_from) {  // killed while it removed the folder
        if (rmdir(folder_.c_str()) == 0) return {};
        return cannot(fmt::format("remove the folder {}", folder_.string()), errno);
    }
    if (auto opened = open_maps(); !opened) return opened;
    auto numbers = numbers_of(paths_);
    if (!numbers) return tl::unexpected(numbers.error());
    Maps maps;
    for (const auto &[name, fd] : maps_.all()) maps.add(name, Fd::copy_of(fd.get()));
    const Pins pins = Pins::of(paths_, std::move(maps));
    // The new programs must not take this host's addresses for foreign.
    if (pins.maps().fd("places") >= 0)
        if (auto told = set_places(pins); !told) return told;
    Done all;  // one that fails keeps no other from the new programs
    for (const unsigned number : *numbers)
        if (auto done = put_behind_links(pins, number); !done) all = done;
    if (auto added = add_missing(); !added) return added;
    if (!all) return all;
    for (const unsigned number : *numbers)
        if (auto done = rename_interface(pins, number); !done) return done;
    return rename_maps().and_then([&] { return remove_unused(); });
}

}  // namespace pm
