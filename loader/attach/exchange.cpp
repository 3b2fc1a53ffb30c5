// SPDX-License-Identifier: Apache-2.0
#include "loader/attach/exchange.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/core.h>

#include "loader/attach/attach.h"
#include "loader/kernel/mapping.h"
#include "loader/kernel/program.h"

namespace pm {
namespace fs = std::filesystem;
namespace {

constexpr const char *slot_maps[] = {"images", "bans"};

// A map like `name` with larger slots and the same content.
Result<Fd> enlarged(const Maps &maps, const char *name, std::uint32_t slot) {
    auto info = map_info(maps.fd(name), name);
    if (!info) return tl::unexpected(info.error());
    bpf_map_create_opts options = {};
    options.sz = sizeof(options);
    options.map_flags = BPF_F_MMAPABLE;
    Fd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(std::uint32_t), slot, info->max_entries,
                         &options));
    if (!fd) return cannot(fmt::format("make a larger map '{}' ({} kB)", name, slot >> 10), errno);
    const std::size_t count = info->max_entries;
    const Mapping from(maps.fd(name), count * info->value_size, PROT_READ);
    const Mapping to(fd.get(), count * slot, PROT_READ | PROT_WRITE);
    if (!from.bytes() || !to.bytes())
        return cannot(fmt::format("map '{}' into memory", name), errno);
    for (std::size_t i = 0; i < count; ++i)
        std::memcpy(to.bytes() + i * slot, from.bytes() + i * info->value_size, info->value_size);
    return fd;
}

class Replacement {
public:
    explicit Replacement(Pins pins) : pins_(std::move(pins)) {}

    Done enlarge(const SlotSizes &sizes);
    Done replace_all();

private:
    Done replace_hooks(const Pins::Interface &interface);
    Done replace_probes();

    Pins pins_;
    Maps maps_;  // those that the new programs use
};

// Copies that an interrupted run pinned are taken as they are, unless they are too small.
Done Replacement::enlarge(const SlotSizes &sizes) {
    for (const auto &[name, fd] : pins_.maps().all()) maps_.add(name, Fd::copy_of(fd.get()));
    for (const char *name : slot_maps) {
        const std::string copy = next_name(name);
        if (pins_.maps().fd(copy) >= 0) maps_.add(name, Fd::copy_of(pins_.maps().fd(copy)));
        auto info = map_info(maps_.fd(name), name);
        if (!info) return tl::unexpected(info.error());
        const std::uint32_t wanted = std::strcmp(name, "images") == 0 ? sizes.image : sizes.bans;
        if (wanted <= info->value_size) continue;
        auto larger = enlarged(maps_, name, wanted);
        if (!larger) return tl::unexpected(larger.error());
        if (auto done = pin_anew(larger->get(), pins_.path(copy)); !done) return done;
        maps_.add(name, std::move(*larger));
    }
    return {};
}

Done Replacement::replace_hooks(const Pins::Interface &interface) {
    const unsigned number = interface.number;
    if (!pins_.has_interface(number)) return {};
    auto rows = open_pin(pins_.path(number, "rows"));
    if (!rows) return tl::unexpected(rows.error());
    auto program = Program::load(
        {.interface = number, .probes = false, .shared = &maps_, .rows = rows->get()});
    if (!program) return tl::unexpected(program.error());

    const fs::path ingress = pins_.path(number, "ingress_program");
    const fs::path egress = pins_.path(number, "egress_program");
    const fs::path new_ingress = pins_.path(number, next_name("ingress_program"));
    const fs::path new_egress = pins_.path(number, next_name("egress_program"));
    return pin_anew(program->ingress(), new_ingress)
        .and_then([&] { return pin_anew(program->egress(), new_egress); })
        .and_then([&] { return replace(pins_, interface, program->ingress(), program->egress()); })
        .and_then([&] { return rename_pin(new_ingress, ingress); })
        .and_then([&] { return rename_pin(new_egress, egress); });
}

Done Replacement::replace_probes() {
    auto program = Program::load({.hooks = false, .shared = &maps_});
    if (!program) return tl::unexpected(program.error());
    const struct {
        const char *name;
        int fd;
    } probes[] = {{"ask_in", program->ask_in()}, {"ask_out", program->ask_out()}};
    for (const auto &one : probes) {
        auto done = pin_anew(one.fd, pins_.path(next_name(one.name))).and_then([&] {
            return rename_pin(pins_.path(next_name(one.name)), pins_.path(one.name));
        });
        if (!done) return done;
    }
    return {};
}

Done Replacement::replace_all() {
    auto interfaces = pins_.interfaces();
    if (!interfaces) return tl::unexpected(interfaces.error());
    for (const Pins::Interface &one : *interfaces)
        if (auto done = replace_hooks(one); !done) return done;
    if (auto done = replace_probes(); !done) return done;
    auto abi = Map<std::uint32_t, pm_build>::of(pins_.maps(), "abi");
    if (!abi) return tl::unexpected(abi.error());
    if (auto done = abi->put(0, this_build()); !done) return done;
    std::error_code error;
    for (const char *name : slot_maps)
        if (fs::exists(pins_.path(next_name(name)), error))
            if (auto done = rename_pin(pins_.path(next_name(name)), pins_.path(name)); !done)
                return done;
    return {};
}

}  // namespace

Done replace_programs(const Paths &paths, const SlotSizes &sizes) {
    auto pins = Pins::open(paths);
    if (!pins) return tl::unexpected(pins.error());
    if (!*pins) return fault("nothing is attached");
    Replacement replacement(std::move(**pins));
    return replacement.enlarge(sizes).and_then([&] { return replacement.replace_all(); });
}

Done finish_replacing(const Paths &paths, const Pins &pins) {
    for (const char *name : slot_maps)
        if (pins.maps().fd(next_name(name)) >= 0) return replace_programs(paths, {});
    return {};
}

Result<bool> is_other_build(const Pins &pins) {
    auto abi = Map<std::uint32_t, pm_build>::of(pins.maps(), "abi");
    if (!abi) return tl::unexpected(abi.error());
    return abi->get(0).map(
        [](const pm_build &build) { return build.programs != this_build().programs; });
}

std::uint32_t slot_size_for(std::size_t bytes, std::uint32_t minimum) {
    return std::max(minimum, static_cast<std::uint32_t>(std::bit_ceil(2 * bytes)));
}

}  // namespace pm
