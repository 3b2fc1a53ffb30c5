// SPDX-License-Identifier: Apache-2.0
// What a verdict costs, as the kernel's own test run measures it, beside other programs in the same
// run: pm_verdict OBJECTS CONTENT [GROUP...] [GOOGLE BENCHMARK'S OPTIONS]. OBJECTS holds
// bench/bpf/*.bpf.o, CONTENT what bench/content.py wrote. A case is named GROUP/CASE; what the test
// run and the cycle over sources cost themselves is the case GROUP/none.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <fstream>
#include <list>
#include <random>

#include <bpf/bpf.h>
#include <fmt/core.h>

#include "bench/host.h"
#include "tests/support/packet.h"

namespace pm::bench {
namespace {

using test::address;
using test::Packet;
using test::Tcp;
using test::Udp;

constexpr std::uint32_t xdp_drop = 1, xdp_pass = 2, tc_pass = ~0U;
constexpr std::uint32_t hot_repeat = 400'000;
constexpr const char *xdp_filter = "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_dny_all.o";
constexpr const char *host_v4 = "203.0.113.10", *host_v6 = "2001:db8:10::10";
constexpr const char *peer_v4 = "16.0.0.1", *peer_v6 = "2001:db8:99::1";

void add_case(const std::string &name, int program, const Bytes &frame, std::uint32_t verdict,
              std::uint32_t repeat = hot_repeat) {
    benchmark::RegisterBenchmark(
        name.c_str(),
        [=](benchmark::State &state) {
            for (auto _ : state)
                state.SetIterationTime(measure(program, frame, repeat, verdict) * 1e-9);
        })
        ->UseManualTime()
        ->Iterations(1);
}

Bytes in(test::Transport transport, std::vector<test::Tag> tags = {}) {
    return frame(Packet{.from = address(peer_v4),
                        .to = address(host_v4),
                        .transport = transport,
                        .tags = std::move(tags)});
}

Bytes in_v6(test::Transport transport) {
    return frame(Packet{.from = address(peer_v6), .to = address(host_v6), .transport = transport});
}

Bytes out(test::Transport transport) {
    return frame(Packet{.from = address(host_v4),
                        .to = address(peer_v4),
                        .transport = transport,
                        .destination_mac = test::peer_mac,
                        .source_mac = test::host_mac});
}

const Tcp segment{.destination = 5061, .flags = test::ACK};
const Tcp answer{.source = 5061, .destination = 40000, .flags = test::ACK};
const Tcp stranger{.source = 41000, .destination = 5061, .flags = test::ACK};
const Tcp syn_no_service{.destination = 80}, syn_no_row{.destination = 5269};
const Tcp syn_partner{.destination = 5269};

pm_flow_key key_of(const char *local, const char *remote, std::uint8_t protocol,
                   std::uint16_t port) {
    return {.local = address(local).abi(),
            .remote = address(remote).abi(),
            .local_port = port,
            .remote_port = 40000,
            .protocol = protocol,
            .interface = 0,
            .zero = 0};
}

class Suite {
public:
    Suite(std::string objects, std::string content)
        : objects_(std::move(objects)), content_(std::move(content)), peers_(object("peers")) {}

    void hot();
    void dropped();
    void cycling(const char *name, std::uint32_t flows);
    void new_flows();
    void rows(unsigned count);
    void prefixes(unsigned count);

private:
    std::string object(const char *name) const { return objects_ + "/" + name + ".bpf.o"; }
    std::string policy(const std::string &name) const { return content_ + "/" + name + ".yaml"; }
    Host &add_host(const std::string &policy_name, std::uint32_t capacity = 65536) {
        return hosts_.emplace_back(policy(policy_name), capacity);
    }
    int add_cycle(int program, const std::vector<std::uint32_t> &sources) {
        return cycles_.emplace_back(object("cycle"), program, sources).program();
    }
    int add_xdp_filter();

    std::string objects_, content_;
    Object peers_;
    // They live as long as the cases.
    std::list<Host> hosts_;
    std::list<Object> others_;
    std::list<Cycle> cycles_;
};

// Addresses in an order that no prefetcher follows.
std::vector<std::uint32_t> shuffled(std::vector<std::uint32_t> list) {
    std::shuffle(list.begin(), list.end(), std::mt19937(1));
    return list;
}

std::vector<std::uint32_t> addresses(std::uint32_t count) {
    std::vector<std::uint32_t> list;
    for (std::uint32_t i = 0; i < count; ++i) list.push_back(0x10000000 + i);
    return list;
}

std::vector<std::uint32_t> random_addresses(std::uint32_t count) {
    std::mt19937 random(2);
    std::uniform_int_distribution<std::uint32_t> any(0x10000000, 0x7effffff);
    std::vector<std::uint32_t> list;
    for (std::uint32_t i = 0; i < count; ++i) list.push_back(any(random));
    return list;
}

// xdp-filter of Debian in deny mode with all its features, and the ports of the matrix.
int Suite::add_xdp_filter() {
    const Object &filter = others_.emplace_back(xdp_filter);
    const std::vector<std::uint64_t> allowed(static_cast<std::size_t>(libbpf_num_possible_cpus()),
                                             0xe);  // destination port of tcp and udp
    for (const int port : {443, 5061, 5269, 3478}) {
        const std::uint32_t key = htons(static_cast<std::uint16_t>(port));
        bpf_map_update_elem(filter.map("filter_ports"), &key, allowed.data(), BPF_ANY);
    }
    return filter.program("xdpfilt_dny_all");
}

void Suite::hot() {
    Host &host = add_host("rows-6");
    host.add_flow("assured", key_of(host_v4, peer_v4, PM_PROTO_TCP, 5061), "sip-tls-in");
    host.add_flow("assured", key_of(host_v6, peer_v6, PM_PROTO_TCP, 5061), "sip-tls-in");
    host.add_flow("outside", key_of(host_v4, peer_v4, PM_PROTO_UDP, 3478), "stun-in");
    const Object &floor = others_.emplace_back(object("floor"), &host);
    const int ingress = host.program().ingress();

    add_case("hot/none", peers_.program("none"), in(segment), xdp_pass);
    add_case("hot/floor", floor.program("floor_established"), in(segment), xdp_pass);
    add_case("hot/tcp", ingress, in(segment), xdp_pass);
    add_case("hot/udp", ingress, in(Udp{}), xdp_pass);
    add_case("hot/tcp-ipv6", ingress, in_v6(segment), xdp_pass);
    add_case("hot/floor-ipv6", floor.program("floor_established"), in_v6(segment), xdp_pass);
    add_case("hot/tcp-vlan", ingress, in(segment, {{}}), xdp_pass);
    add_case("hot/tcp-egress", host.program().egress(), out(answer), tc_pass);
    add_case("hot/xdp-filter", add_xdp_filter(), in(segment), xdp_pass);
}

void Suite::dropped() {
    const Host &host = add_host("rows-6");
    const int ingress = host.program().ingress();
    const Udp no_service{.destination = 9};

    add_case("drop/none", peers_.program("none"), in(syn_no_service), xdp_pass);
    add_case("drop/no-service", ingress, in(syn_no_service), xdp_drop);
    add_case("drop/no-service-udp", ingress, in(no_service), xdp_drop);
    add_case("drop/no-service-ipv6", ingress, in_v6(syn_no_service), xdp_drop);
    add_case("drop/no-row", ingress, in(syn_no_row), xdp_drop);
    add_case("drop/no-row-ipv6", ingress, in_v6(syn_no_row), xdp_drop);
    add_case("drop/no-flow", ingress, in(stranger), xdp_drop);
    add_case("drop/xdp-filter", add_xdp_filter(), in(syn_no_service), xdp_drop);
}

// The same flows, in the same table, for both programs.
void Suite::cycling(const char *name, std::uint32_t flows) {
    Host &host = add_host("rows-6", flows / 3 * 10);  // of which the assured table has 3/8
    const std::vector<std::uint32_t> all = addresses(flows), list = shuffled(all);
    host.add_flows("assured", all, PM_PROTO_TCP, 5061, "sip-tls-in");
    const Object &floor = others_.emplace_back(object("floor"), &host);
    const std::uint32_t repeat = std::max(flows, hot_repeat);
    const auto add = [&](const char *what, int program) {
        add_case(fmt::format("{}/{}", name, what), add_cycle(program, list), in(segment), xdp_pass,
                 repeat);
    };
    add("none", peers_.program("none"));
    add("floor", floor.program("floor_established"));
    add("tcp", host.program().ingress());
}

void Suite::new_flows() {
    const std::vector<std::uint32_t> list = shuffled(addresses(1 << 20));
    const auto add = [&](const char *name, int program, const Bytes &bytes) {
        add_case(name, add_cycle(program, list), bytes, xdp_pass);
    };
    add("new/none", peers_.program("none"), in(segment));
    add("new/tcp", add_host("rows-6").program().ingress(), in(Tcp{}));
    add("new/udp", add_host("rows-6").program().ingress(), in(Udp{}));
}

void Suite::rows(unsigned count) {
    const std::string name = fmt::format("rows-{}", count);
    Host &host = add_host(name);
    host.add_flow("assured", key_of(host_v4, peer_v4, PM_PROTO_TCP, 5061), "sip-tls-in");
    const int ingress = host.program().ingress();
    add_case(name + "/none", peers_.program("none"), in(segment), xdp_pass);
    add_case(name + "/tcp", ingress, in(segment), xdp_pass);
    add_case(name + "/no-service", ingress, in(syn_no_service), xdp_drop);
    add_case(name + "/no-row", ingress, in(syn_no_row), xdp_drop);
    add_case(name + "/new", add_cycle(ingress, shuffled(addresses(1 << 20))), in(Tcp{}), xdp_pass);
}

struct Prefixes {
    std::vector<std::uint32_t> first, length;
};

Prefixes read_prefixes(const std::string &file) {
    Prefixes all;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
        const std::size_t slash = line.find('/');
        all.first.push_back(static_cast<std::uint32_t>(address(line.substr(0, slash)).low));
        all.length.push_back(static_cast<std::uint32_t>(std::stoul(line.substr(slash + 1))));
    }
    return all;
}

void fill_trie(int map, const Prefixes &prefixes) {
    for (std::size_t i = 0; i < prefixes.first.size(); ++i) {
        const std::uint32_t key[2] = {prefixes.length[i], htonl(prefixes.first[i])}, value = 1;
        if (bpf_map_update_elem(map, key, &value, BPF_ANY) != 0) fail("cannot fill the trie");
    }
}

// Strangers' SYNs are judged and dropped, partners' open a flow. Most random addresses lie in none
// of the prefixes, so some of the strangers' pass: only the last one's verdict is looked at.
void Suite::prefixes(unsigned count) {
    const std::string name = fmt::format("prefixes-{}", count);
    const Prefixes all = read_prefixes(content_ + "/" + name + ".txt");
    std::vector<std::uint32_t> strangers = random_addresses(1 << 17), partners;
    for (std::size_t i = 0; i < strangers.size(); ++i)
        partners.push_back(all.first[i * 7 % all.first.size()]);
    strangers.back() = 0x0f000000;  // below all that content.py makes
    partners = shuffled(partners);

    const Host &host = add_host(name);
    const Object &trie = others_.emplace_back(object("peers"), &host);
    fill_trie(trie.map("prefixes"), all);
    const int ingress = host.program().ingress(), peer = trie.program("lpm");
    const auto add = [&](const char *what, int program, const std::vector<std::uint32_t> &sources,
                         std::uint32_t verdict) {
        add_case(fmt::format("{}/{}", name, what), add_cycle(program, sources), in(syn_partner),
                 verdict, 1 << 18);
    };
    add("none", peers_.program("none"), strangers, xdp_pass);
    add("no-row", ingress, strangers, xdp_drop);
    add("lpm", peer, strangers, xdp_drop);
    add("new", ingress, partners, xdp_pass);
    add("lpm-hit", peer, partners, xdp_pass);
}

// What is not asked for is not set up either: a million prefixes in a trie take seconds.
void register_groups(Suite &suite, const std::vector<std::string> &wanted) {
    const auto add = [&](const std::string &group, auto &&make) {
        if (wanted.empty() || std::find(wanted.begin(), wanted.end(), group) != wanted.end())
            make();
    };
    add("hot", [&] { suite.hot(); });
    add("drop", [&] { suite.dropped(); });
    add("flows-64k", [&] { suite.cycling("flows-64k", 1 << 16); });
    add("flows-1M", [&] { suite.cycling("flows-1M", 1 << 20); });
    add("new", [&] { suite.new_flows(); });
    for (const unsigned count : {6, 100, 1000, 10000})
        add(fmt::format("rows-{}", count), [&] { suite.rows(count); });
    for (const unsigned count : {100, 10'000, 100'000, 1'000'000})
        add(fmt::format("prefixes-{}", count), [&] { suite.prefixes(count); });
}

}  // namespace
}  // namespace pm::bench

int main(int argc, char **argv) {
    benchmark::Initialize(&argc, argv);
    if (argc < 3) pm::bench::fail("usage: pm_verdict OBJECTS CONTENT [GROUP...] [OPTION...]");
    pm::show_libbpf_messages(false);
    pm::bench::Suite suite(argv[1], argv[2]);
    pm::bench::register_groups(suite, {argv + 3, argv + argc});
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
