// SPDX-License-Identifier: Apache-2.0
#include "loader/kernel/program.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include "loader/base/message.h"
#include "loader/kernel/jiffies.h"
#include "maps/image.h"
#include "policy/base/text.h"

// The skeleton is made by bpftool, which does not write for our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#include "portmatrix.skel.h"
#pragma GCC diagnostic pop

namespace pm {
namespace {

bool show_libbpf = false;

int print_libbpf(libbpf_print_level level, const char *format, va_list arguments) {
    if (!show_libbpf || level == LIBBPF_DEBUG) return 0;
    std::array<char, 2048> text;  // a longer one is cut
    const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
    if (length > 0) print_plain(printable_lines(text.data()));
    return length;
}

struct Constant {
    const char *name;
    std::uint32_t value;
};

// Sets the constants of the programs: 32-bit variables in .rodata, found by name.
Done set_constants(bpf_object *object, std::initializer_list<Constant> constants) {
    const btf *types = bpf_object__btf(object);
    bpf_map *map = nullptr, *rodata = nullptr;
    bpf_object__for_each_map(map, object) {
        if (bpf_map__is_internal(map) && std::strstr(bpf_map__name(map), ".rodata")) rodata = map;
    }
    const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
    if (!rodata || section < 0) return fault("cannot find the constants of the programs");

    std::size_t size = 0;
    auto *data =
        static_cast<std::uint8_t *>(const_cast<void *>(bpf_map__initial_value(rodata, &size)));
    const btf_type *all = btf__type_by_id(types, static_cast<std::uint32_t>(section));
    const btf_var_secinfo *variables = btf_var_secinfos(all);
    for (const Constant &constant : constants) {
        bool found = false;
        for (int i = 0; i < btf_vlen(all); ++i) {
            const btf_type *variable = btf__type_by_id(types, variables[i].type);
            const char *name = btf__name_by_offset(types, variable->name_off);
            if (std::strcmp(name, constant.name) != 0 || variables[i].size != 4 ||
                variables[i].offset + 4 > size)
                continue;
            std::memcpy(data + variables[i].offset, &constant.value, 4);
            found = true;
        }
        if (!found) return fault(fmt::format("the programs have no constant '{}'", constant.name));
    }
    return {};
}

bool is_shared(const bpf_map *map) {
    return !bpf_map__is_internal(map) && std::strcmp(bpf_map__name(map), "rows") != 0;
}

struct Sizes {
    std::uint32_t image_slot, bans_slot;
    std::uint32_t assured;  // entries
};

// The time between two promotions, in the programs' unit: so paced, the whole table takes
// PM_PROMOTION_SECONDS to fill.
std::uint32_t promotion_pace(std::uint32_t entries) {
    const std::uint64_t pace =
        (std::uint64_t{PM_PROMOTION_SECONDS} * kernel_hz() << PM_PACE_SHIFT) /
        std::max(entries, 1u);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(pace, UINT32_MAX));
}

// Gives new maps the sizes asked for.
Result<Sizes> size_maps(bpf_object *object, const ProgramOptions &options) {
    if (!std::has_single_bit(options.image_slot) || !std::has_single_bit(options.bans_slot))
        return fault("the slots of images and bans must be powers of two");
    struct Size {
        const char *name;
        std::uint32_t value_size, entries;
    };
    std::vector<Size> sizes = {{"images", options.image_slot, PM_IMAGE_SLOTS},
                               {"bans", options.bans_slot, PM_IMAGE_SLOTS}};
    for (const FlowTable &table : flow_tables)
        sizes.push_back({table.name, sizeof(pm_flow), table.entries(options.flow_capacity)});
    for (const Size &size : sizes) {
        bpf_map *map = bpf_object__find_map_by_name(object, size.name);
        if (!map) return fault(fmt::format("the programs have no map '{}'", size.name));
        if (int error = bpf_map__set_value_size(map, size.value_size))
            return cannot(fmt::format("size the map '{}'", size.name), error);
        if (int error = bpf_map__set_max_entries(map, size.entries))
            return cannot(fmt::format("size the map '{}'", size.name), error);
    }
    return Sizes{.image_slot = options.image_slot,
                 .bans_slot = options.bans_slot,
                 .assured = sizes.back().entries};
}

// Uses maps that exist, of the sizes that they have. Others are of the sizes asked for.
Result<Sizes> reuse_maps(bpf_object *object, const ProgramOptions &options) {
    if (!options.anew.empty())
        if (auto sizes = size_maps(object, options); !sizes) return sizes;
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, object) {
        const char *name = bpf_map__name(map);
        if (bpf_map__is_internal(map) || options.anew.contains(name)) continue;
        if (!is_shared(map) && options.rows < 0) continue;
        const int fd = is_shared(map) ? options.shared->fd(name) : options.rows;
        auto info = map_info(fd, name);
        if (!info) return tl::unexpected(info.error());
        // libbpf refuses a map whose sizes are not those of the object; so the object takes the
        // map's.
        bpf_map__set_value_size(map, info->value_size);
        bpf_map__set_max_entries(map, info->max_entries);
        if (int error = bpf_map__reuse_fd(map, fd))
            return cannot(fmt::format("use the map '{}'", name), error);
    }
    auto find = [&](const char *name) { return bpf_object__find_map_by_name(object, name); };
    return Sizes{.image_slot = bpf_map__value_size(find("images")),
                 .bans_slot = bpf_map__value_size(find("bans")),
                 .assured = bpf_map__max_entries(find("assured"))};
}

Result<Sizes> prepare_maps(bpf_object *object, const ProgramOptions &options) {
    auto sizes = options.shared ? reuse_maps(object, options) : size_maps(object, options);
    if (sizes && !options.hooks)
        bpf_map__set_autocreate(bpf_object__find_map_by_name(object, "rows"), false);
    return sizes;
}

bpf_object *open_object(const ProgramOptions &wanted) {
    bpf_object_open_opts options = {};
    options.sz = sizeof(options);
    options.kernel_log_level = wanted.verifier_log;
    if (!wanted.object.empty()) return bpf_object__open_file(wanted.object.c_str(), &options);
    std::size_t size = 0;
    const void *bytes = portmatrix::elf_bytes(&size);
    options.object_name = "portmatrix";
    return bpf_object__open_mem(bytes, size, &options);
}

const char *remedy_of_load(int error) {
    switch (error) {
        case EPERM:
        case EACCES:
            return "run it as root with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; --verbose shows the "
                   "kernel's reason";
        case ENOMEM:
            return "free memory, raise the limit of its control group (MemoryMax= of a unit), or lower "
                   "'flow-capacity'; see the kernel's reason with --verbose";
        case EMFILE:
            return "raise the limit of open files: ulimit -n 1024";
        default:
            return "see the kernel's reason with --verbose";
    }
}

}  // namespace

void Program::Close::operator()(bpf_object *object) const {
    bpf_object__close(object);
}

Result<Program> Program::load(const ProgramOptions &options) {
    // Kernels before 5.11 charge maps to this limit; on newer ones it does no harm.
    const rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &unlimited);

    Program program;
    program.object_.reset(open_object(options));
    bpf_object *object = program.object_.get();
    if (!object) return cannot("open the programs", errno, remedy_of_load(errno));

    auto sizes = prepare_maps(object, options);
    if (!sizes) return tl::unexpected(sizes.error());
    auto set = set_constants(object, {{"pm_interface", options.interface},
                                      {"pm_image_mask", sizes->image_slot - 1},
                                      {"pm_bans_mask", sizes->bans_slot - 1},
                                      {"pm_hz", kernel_hz()},
                                      {"pm_promotion_pace", promotion_pace(sizes->assured)}});
    if (!set) return tl::unexpected(set.error());

    const struct {
        const char *name;
        bool wanted;
        int &fd;
    } programs[] = {
        {"pm_ingress", options.hooks, program.ingress_},
        {"pm_egress", options.hooks, program.egress_},
        {"pm_ask_in", options.probes, program.ask_in_},
        {"pm_ask_out", options.probes, program.ask_out_},
    };
    for (const auto &one : programs) {
        bpf_program *found = bpf_object__find_program_by_name(object, one.name);
        if (!found) return fault(fmt::format("the object has no program '{}'", one.name));
        bpf_program__set_autoload(found, one.wanted);
    }
    if (int error = bpf_object__load(object))
        return cannot("load the programs into the kernel", error, remedy_of_load(-error));
    for (const auto &one : programs)
        if (one.wanted)
            one.fd = bpf_program__fd(bpf_object__find_program_by_name(object, one.name));

    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (is_shared(map))
            program.maps_.add(bpf_map__name(map), Fd::copy_of(bpf_map__fd(map)));
        else if (!bpf_map__is_internal(map))
            program.rows_ = bpf_map__fd(map);
    }
    return program;
}

Result<MapMemory> map_memory(const ProgramOptions &options, unsigned interfaces) {
    const std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object(open_object(options),
                                                                           &bpf_object__close);
    if (!object) return cannot("open the programs", errno, remedy_of_load(errno));
    if (auto sizes = size_maps(object.get(), options); !sizes) return tl::unexpected(sizes.error());
    const int cpus = libbpf_num_possible_cpus();
    if (cpus < 0) return cannot("count the CPUs", cpus);
    MapMemory memory{.interfaces = interfaces};
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, object.get()) {
        const std::uint64_t bytes = map_bytes({.type = bpf_map__type(map),
                                               .key_size = bpf_map__key_size(map),
                                               .value_size = bpf_map__value_size(map),
                                               .entries = bpf_map__max_entries(map)},
                                              static_cast<unsigned>(cpus));
        (std::strcmp(bpf_map__name(map), "rows") == 0 ? memory.interface : memory.shared) += bytes;
    }
    return memory;
}

Result<ProgramOptions> options_of_sizes(const Maps &maps) {
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

pm_build this_build() {
    std::size_t size = 0;
    const auto *bytes = static_cast<const std::uint8_t *>(portmatrix::elf_bytes(&size));
    pm_build build = {.abi = PM_ABI_VERSION, .programs = 2166136261u, .release = {}};
    for (std::size_t i = 0; i < size; ++i)
        build.programs = (build.programs ^ bytes[i]) * 16777619u;  // FNV-1a
    std::string_view(PM_VERSION).copy(build.release, sizeof(build.release) - 1);
    return build;
}

void show_libbpf_messages(bool on) {
    show_libbpf = on;
    libbpf_set_print(print_libbpf);
}

}  // namespace pm
