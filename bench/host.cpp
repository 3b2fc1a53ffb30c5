// SPDX-License-Identifier: Apache-2.0
#include "bench/host.h"

#include <arpa/inet.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>

#include "loader/kernel/jiffies.h"
#include "loader/own/places.h"
#include "loader/state/policy_source.h"
#include "maps/places.h"
#include "policy/image/catalog.h"

namespace pm::bench {
namespace {

constexpr std::uint32_t host_address = 0xcb00710a;  // 203.0.113.10, as bench/content.py has it
constexpr std::uint16_t peer_port = 40000;

template <typename T>
T must(Result<T> result) {
    if (!result) fail(result.error().message);
    return std::move(*result);
}

std::vector<std::uint8_t> compile_file(const std::string &file) {
    Source source = must(read_source(file, Expectations::skip));
    if (!source.image) fail(render(source.diagnostics, false));
    return source.image->bytes;
}

Program load(const std::vector<std::uint8_t> &image, std::uint32_t flow_capacity) {
    ProgramOptions options;
    options.image_slot = std::bit_ceil(static_cast<std::uint32_t>(image.size()));
    options.flow_capacity = flow_capacity;
    options.probes = false;
    if (const char *object = std::getenv("PM_BPF_OBJECT")) options.object = object;
    return must(Program::load(options));
}

// The host has the addresses that the packets go to. The object of an older release has no such
// map.
void tell_places(const Maps &maps) {
    std::vector<Place> places;
    for (const char *text : {"203.0.113.10/32", "2001:db8:10::10/128"})
        places.push_back({0, *parse_prefix(text), PM_PLACE_OWN | PM_PLACE_ROUTED});
    if (maps.fd("places") < 0) return;
    if (auto told = write_places(maps, places); !told) fail(told.error().message);
}

}  // namespace

void fail(const std::string &message) {
    std::fprintf(stderr, "bench: %s\n", message.c_str());
    std::exit(1);
}

Host::Host(const std::string &policy_file, std::uint32_t flow_capacity) {
    const std::vector<std::uint8_t> image = compile_file(policy_file);
    program_ = load(image, flow_capacity);
    tell_places(program_.maps());
    Switch control = must(Switch::open(program_.maps(), Switch::Access::write));
    pm_record record = {};
    record.image = static_cast<std::uint8_t>(must(control.write_image(image)));
    record.mode = PM_MODE_ENFORCE;
    record.interfaces = 1;
    if (auto published = control.publish(record, 0); !published) fail(published.error().message);
    sequence_ = pm_sequence(control.state().epoch);
    catalog_ = *read_catalog(control.image(record.image));
}

pm_flow Host::flow_of(const pm_flow_key &key, const std::string &row) const {
    const auto found = std::find_if(catalog_.rows.begin(), catalog_.rows.end(),
                                    [&](const CatalogRow &one) { return one.id == row; });
    if (found == catalog_.rows.end()) fail("the policy has no row " + row);
    pm_flow flow = {};
    flow.epoch = sequence_;
    // Ours is derived and may lie ahead of the kernel's; a stamp of the future would be none.
    flow.start = flow.last =
        static_cast<std::uint32_t>((jiffies_now() - 2 * kernel_hz()) >> PM_STAMP_SHIFT);
    flow.row = found->slot;
    flow.marks = key.protocol == PM_PROTO_TCP ? PM_FLOW_ESTABLISHED : PM_FLOW_ANSWERED;
    return flow;
}

void Host::add_flow(const char *table, pm_flow_key key, const std::string &row) {
    const pm_flow flow = flow_of(key, row);
    if (bpf_map_update_elem(program_.maps().fd(table), &key, &flow, BPF_NOEXIST) != 0)
        fail(fmt::format("cannot add a flow to {}", table));
}

void Host::add_flows(const char *table, const std::vector<std::uint32_t> &peers,
                     std::uint8_t protocol, std::uint16_t port, const std::string &row) {
    std::vector<pm_flow_key> keys;
    for (const std::uint32_t peer : peers)
        keys.push_back({.local = {0, PM_V4_PREFIX | host_address},
                        .remote = {0, PM_V4_PREFIX | peer},
                        .local_port = port,
                        .remote_port = peer_port,
                        .protocol = protocol,
                        .interface = 0,
                        .zero = 0});
    const std::vector<pm_flow> flows(keys.size(), flow_of(keys[0], row));
    auto count = static_cast<std::uint32_t>(keys.size());
    if (bpf_map_update_batch(program_.maps().fd(table), keys.data(), flows.data(), &count,
                             nullptr) != 0)
        fail(fmt::format("cannot add {} flows to {}", peers.size(), table));
}

Object::Object(const std::string &file, const Host *host) {
    object_.reset(bpf_object__open_file(file.c_str(), nullptr));
    if (!object_) fail("cannot open " + file);
    bpf_program *program = nullptr;
    bpf_object__for_each_program(program, object_.get())
        bpf_program__set_type(program, BPF_PROG_TYPE_XDP);
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, object_.get()) {
        bpf_map__set_pin_path(map, nullptr);
        const std::string name = bpf_map__name(map);
        const int fd = !host            ? -1
                       : name == "rows" ? host->program().rows()
                                        : host->program().maps().fd(name);
        if (fd < 0) continue;
        const bpf_map_info info = must(map_info(fd, name));
        bpf_map__set_value_size(map, info.value_size);
        bpf_map__set_max_entries(map, info.max_entries);
        if (bpf_map__reuse_fd(map, fd) != 0) fail("cannot share the map " + name);
    }
    if (bpf_object__load(object_.get()) != 0) fail("cannot load " + file);
}

int Object::program(const char *name) const {
    bpf_program *found = bpf_object__find_program_by_name(object_.get(), name);
    if (!found) fail(fmt::format("there is no program {}", name));
    return bpf_program__fd(found);
}

int Object::map(const char *name) const {
    return bpf_object__find_map_fd_by_name(object_.get(), name);
}

Cycle::Cycle(const std::string &file, int program, const std::vector<std::uint32_t> &sources)
    : object_(file) {
    const int map = object_.map("sources"), target = object_.map("target");
    const std::uint32_t zero = 0, mask = static_cast<std::uint32_t>(sources.size()) - 1;
    const std::size_t size = must(map_info(map, "sources")).value_size;
    void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (memory == MAP_FAILED || !std::has_single_bit(sources.size()) ||
        (sources.size() + 1) * 4 > size)
        fail("cannot cycle over this many sources");
    auto *list = static_cast<std::uint32_t *>(memory);
    list[0] = mask;
    for (const std::uint32_t source : sources) *++list = htonl(source);
    munmap(memory, size);
    if (bpf_map_update_elem(target, &zero, &program, BPF_ANY) != 0)
        fail("cannot put a program behind the cycle");
}

std::uint32_t measure(int program, Bytes frame, std::uint32_t repeat, std::uint32_t verdict) {
    bpf_test_run_opts options = {};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = static_cast<int>(repeat);
    if (bpf_prog_test_run_opts(program, &options) != 0) fail("a test run failed");
    if (options.retval != verdict)
        fail(fmt::format("a program returned {} instead of {}", options.retval, verdict));
    return options.duration;
}

}  // namespace pm::bench
