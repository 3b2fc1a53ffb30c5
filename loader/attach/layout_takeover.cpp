// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/layout_takeover.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/attach/copy_map.h"
#include "loader/base/file.h"
#include "loader/kernel/pins.h"
#include "loader/kernel/program.h"
#include "policy/base/text.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

using Kind = MapChange::Kind;

constexpr const char *program_names[] = {"ingress_program", "egress_program"};
constexpr const char *probe_names[] = {"ask_in", "ask_out"};

bool is_there(const fs::path &path) {
    std::error_code error;
    return fs::exists(path, error);
}

// The numbers of the interfaces that have a folder, whichever layout made it.
Result<std::vector<unsigned>> numbers_of(const Paths &paths) {
    constexpr std::string_view prefix = "interface-";
    auto entries = list_folder(paths.pins);
    if (!entries) return tl::unexpected(entries.error());
    std::vector<unsigned> numbers;
    for (const fs::path &entry : *entries) {
        const std::string name = entry.filename();
        if (!name.starts_with(prefix)) continue;
        const auto number = parse_digits<unsigned>(name.substr(prefix.size()));
        if (number && *number < PM_INTERFACES) numbers.push_back(*number);
    }
    return numbers;
}

bool is_flow_table(const std::string &name) {
    return std::ranges::any_of(flow_tables,
                               [&](const FlowTable &table) { return table.name == name; });
}

void remove_folder(const fs::path &folder) {
    std::error_code ignored;
    const auto entries = list_folder(folder);
    for (const fs::path &one : entries.value_or(std::vector<fs::path>())) fs::remove(one, ignored);
    fs::remove(folder, ignored);
}

class LayoutTakeover {
public:
    LayoutTakeover(const Paths &paths, const LayoutTarget &target)
        : paths_(paths), target_(target), folder_(Pins::layout_folder(paths, target.version)) {}

    Done begin(std::uint32_t from);  // steps 1 to 4
    Done finish();                   // steps 5 to 7
    bool has_begun() const { return is_there(folder_); }

private:
    Done make_maps();
    Done load_hooks(unsigned number);
    Done copy_all(const Pins &pins);
    Done open_maps();
    Done put_behind_links(const Pins &pins, unsigned number);
    Done add_missing();
    Done rename_interface(const Pins &pins, unsigned number);
    Done rename_maps();
    void remove_unused();
    bool is_kept(const std::string &name) const {
        return name != "abi" && !name.starts_with("next_") && !changes_.contains(name);
    }
    fs::path pin_of(const std::string &name) const { return paths_.pins / name; }

    const Paths &paths_;
    const LayoutTarget &target_;
    fs::path folder_;
    MapChanges changes_;
    Maps old_;
    Maps maps_;  // that the programs of the target use
};

// The sizes of those that are made anew are those that the old ones have.
Result<ProgramOptions> sizes_of(const Maps &maps) {
    ProgramOptions options;
    auto images = map_info(maps.fd("images"), "images"), bans = map_info(maps.fd("bans"), "bans"),
         outside = map_info(maps.fd("outside"), "outside");
    for (const auto *info : {&images, &bans, &outside})
        if (!*info) return tl::unexpected(info->error());
    options.image_slot = images->value_size;
    options.bans_slot = bans->value_size;
    for (const FlowTable &table : flow_tables)
        if (std::string_view(table.name) == "outside")
            options.flow_capacity = outside->max_entries / table.parts * table.whole;
    return options;
}

// Step 1, and the probe programs of step 2.
Done LayoutTakeover::make_maps() {
    auto options = sizes_of(old_);
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

    remove_folder(folder_);
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

// Step 2. One interface at a time, so that few descriptors are open.
Done LayoutTakeover::load_hooks(unsigned number) {
    const Pins pins = Pins::of(paths_, {});
    const bool keeps_rows = !changes_.contains("rows") && is_there(pins.path(number, "rows"));
    Fd rows;
    if (keeps_rows) {
        auto opened = open_pin(pins.path(number, "rows"));
        if (!opened) return tl::unexpected(opened.error());
        rows = std::move(*opened);
    }
    auto program = Program::load({.interface = number,
                                  .probes = false,
                                  .shared = &maps_,
                                  .rows = rows.get(),
                                  .object = target_.object});
    if (!program) return tl::unexpected(program.error());
    std::error_code ignored;
    fs::remove(pins.path(number, next_name("rows")), ignored);  // left by another takeover
    if (!keeps_rows)
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
        if (change.kind != Kind::copied || old_.fd(name) < 0 || is_flow_table(name)) continue;
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

Done LayoutTakeover::begin(std::uint32_t from) {
    auto opened = Pins::open_any_layout(paths_);
    if (!opened) return tl::unexpected(opened.error());
    for (const auto &[name, fd] : opened->maps().all()) old_.add(name, Fd::copy_of(fd.get()));
    changes_ = changes_since(from, target_.steps);
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
    }
    return {};
}

// Step 5.
Done LayoutTakeover::put_behind_links(const Pins &pins, unsigned number) {
    Fd programs[2];
    for (int i = 0; i < 2; ++i) {
        const fs::path next = pins.path(number, next_name(program_names[i]));
        auto program = open_pin(is_there(next) ? next : pins.path(number, program_names[i]));
        if (!program) return tl::unexpected(program.error());
        programs[i] = std::move(*program);
    }
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
        if (change.kind != Kind::copied || !is_there(folder_ / name) || old_.fd(name) < 0) continue;
        auto done = copy_map(old_.fd(name), maps_.fd(name), name, change, Entries::missing);
        if (!done) return done;
    }
    return {};
}

Done LayoutTakeover::rename_interface(const Pins &pins, unsigned number) {
    for (const char *name : {"rows", program_names[0], program_names[1]}) {
        const fs::path next = pins.path(number, next_name(name));
        if (!is_there(next)) continue;
        if (auto done = rename_pin(next, pins.path(number, name)); !done) return done;
    }
    return {};
}

Done LayoutTakeover::rename_maps() {
    for (const char *name : probe_names)
        if (is_there(pin_of(next_name(name))))
            if (auto done = rename_pin(pin_of(next_name(name)), pin_of(name)); !done) return done;
    auto entries = list_folder(folder_);
    if (!entries) return tl::unexpected(entries.error());
    for (const fs::path &entry : *entries) {
        if (entry.filename() == "from") continue;
        if (auto done = rename_pin(entry, pin_of(entry.filename())); !done) return done;
    }
    return {};
}

// The copies of a growth that was interrupted (exchange.h) are used by no program any more.
void LayoutTakeover::remove_unused() {
    std::error_code ignored;
    for (const auto &[name, fd] : old_.all()) {
        const auto change = changes_.find(name);
        const bool removed = change != changes_.end() && change->second.kind == Kind::removed;
        if (removed || name.starts_with("next_")) fs::remove(pin_of(name), ignored);
    }
    remove_folder(folder_);  // and `from` with it
}

Done LayoutTakeover::finish() {
    if (!is_there(folder_ / "from")) {  // killed while it removed the folder
        remove_folder(folder_);
        return {};
    }
    if (auto opened = open_maps(); !opened) return opened;
    auto numbers = numbers_of(paths_);
    if (!numbers) return tl::unexpected(numbers.error());
    Maps maps;
    for (const auto &[name, fd] : maps_.all()) maps.add(name, Fd::copy_of(fd.get()));
    const Pins pins = Pins::of(paths_, std::move(maps));
    Done all;  // one that fails keeps no other from the new programs
    for (const unsigned number : *numbers)
        if (auto done = put_behind_links(pins, number); !done) all = done;
    if (auto added = add_missing(); !added) return added;
    if (!all) return all;
    for (const unsigned number : *numbers)
        if (auto done = rename_interface(pins, number); !done) return done;
    return rename_maps().map([&] { remove_unused(); });
}

}  // namespace

Done change_layout(const Paths &paths, const LayoutTarget &target) {
    auto build = Pins::build(paths);
    if (!build) return tl::unexpected(build.error());
    if (!*build) return {};
    LayoutTakeover takeover(paths, target);
    if ((*build)->abi != target.version)
        if (auto begun = takeover.begin((*build)->abi); !begun) return begun;
    return takeover.has_begun() ? takeover.finish() : Done();
}

Result<std::string> take_over_layout(const Paths &paths) {
    auto build = Pins::build(paths);
    if (!build) return tl::unexpected(build.error());
    const Layouts &layouts = known_layouts();
    if (!*build || (*build)->abi > PM_ABI_VERSION) return std::string();
    const std::uint32_t before = (*build)->abi;
    if (before < layouts.oldest)
        return fault(fmt::format("what is attached has layout {}; the oldest that this portmatrix "
                                 "can take over is {}",
                                 before, layouts.oldest),
                     "it goes on filtering; 'portmatrix detach --all --force' leaves this host "
                     "unfiltered until the next apply");
    auto done = change_layout(paths, {.version = PM_ABI_VERSION, .steps = layouts.steps});
    if (done)
        return before == PM_ABI_VERSION
                   ? std::string()
                   : fmt::format("what an older portmatrix had attached (layout {}) is taken over",
                                 before);
    return fault(
        fmt::format("cannot take over what an older portmatrix has attached (layout {}): {}",
                    before, done.error().message),
        done.error().hint.empty() ? "it goes on filtering; try again: portmatrix restore"
                                  : done.error().hint);
}

}  // namespace pm
