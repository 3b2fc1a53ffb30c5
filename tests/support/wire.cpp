// SPDX-License-Identifier: Apache-2.0
#include "tests/support/wire.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace pm::test {
namespace {

constexpr std::size_t l3 = 14;
constexpr int mark = 0x77;  // of what the test sends, not the host's answers

// Everything that comes is for this host, whatever its address, and everything that goes has a way.
constexpr const char *setup = R"(
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.auto_flowlabels=0
ip link add edge0 address 02:00:00:00:00:01 type veth peer name far0
ip link set far0 arp off
sysctl -qw net.ipv6.conf.far0.disable_ipv6=1 net.ipv4.conf.edge0.rp_filter=0
ip link set edge0 arp off
ip link set far0 up
ip link set edge0 up
ip rule add iif edge0 lookup 100
ip route add local 0.0.0.0/0 dev lo table 100
ip -6 rule add iif edge0 lookup 100
ip -6 route add local ::/0 dev lo table 100
ip route add default dev edge0
ip -6 route add default dev edge0
nft -f - <<'END'
table inet behind {
    set in-v4 { typeof ip id; size 65535; flags dynamic; }
    set in-v6 { typeof ip6 flowlabel; size 65535; flags dynamic; }
    set out-v4 { typeof ip id; size 65535; flags dynamic; }
    set out-v6 { typeof ip6 flowlabel; size 65535; flags dynamic; }
    chain in {
        type filter hook input priority 300; policy accept;
        iifname "edge0" update @in-v4 { ip id }
        iifname "edge0" update @in-v6 { ip6 flowlabel }
    }
    chain out {
        type filter hook postrouting priority 600; policy accept;
        oifname "edge0" meta mark 0x77 update @out-v4 { ip id }
        oifname "edge0" meta mark 0x77 update @out-v6 { ip6 flowlabel }
    }
}
END
modprobe -q nf_conntrack || true
sysctl -qw net.netfilter.nf_conntrack_checksum=0
)";

// A filter that drops what leaves makes EPERM of it.
bool was_sent(ssize_t size) {
    return size >= 0 || errno == EPERM;
}

int need(int value, const char *what) {
    if (value >= 0) return value;
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

int raw_socket(int family, unsigned device) {
    const int fd = need(socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), "raw socket");
    const int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    const int option = family == AF_INET ? IP_HDRINCL : IPV6_HDRINCL;
    constexpr int on = 1;
    char name[IF_NAMESIZE] = {};
    if_indextoname(device, name);
    need(setsockopt(fd, level, option, &on, sizeof(on)), "header included");
    need(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), "mark");
    need(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), "broadcast");
    need(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, sizeof(name)), "device");
    return fd;
}

// Returns those that it had before.
cpu_set_t stay_on_one_cpu() {
    cpu_set_t before, one;
    need(sched_getaffinity(0, sizeof(before), &before), "CPUs");
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    need(sched_setaffinity(0, sizeof(one), &one), "one CPU");
    return before;
}

// Hears the frames that await_arrivals() sends.
int tap_on(unsigned device) {
    const int fd =
        need(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_802_EX1)), "packet socket");
    sockaddr_ll at = {};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_802_EX1);
    at.sll_ifindex = static_cast<int>(device);
    need(bind(fd, reinterpret_cast<sockaddr *>(&at), sizeof(at)), "tap");
    return fd;
}

// What the random policies have rows for.
void join_groups(int v4, int v6, unsigned device) {
    for (const char *group : {"224.0.0.250", "224.0.0.251"}) {
        ip_mreqn request = {};
        inet_pton(AF_INET, group, &request.imr_multiaddr);
        request.imr_ifindex = static_cast<int>(device);
        need(setsockopt(v4, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)), group);
    }
    ipv6_mreq request = {};
    inet_pton(AF_INET6, "ff02::fb", &request.ipv6mr_multiaddr);
    request.ipv6mr_interface = device;
    need(setsockopt(v6, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof(request)), "ff02::fb");
}

void put_checksum(Bytes &frame, std::size_t header) {
    if (frame.size() < l3 + header) return;
    frame[l3 + 10] = frame[l3 + 11] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < header; ++i)
        sum += static_cast<std::uint32_t>(frame[l3 + i]) << (i % 2 ? 0 : 8);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    frame[l3 + 10] = static_cast<std::uint8_t>(~sum >> 8);
    frame[l3 + 11] = static_cast<std::uint8_t>(~sum);
}

bool is_v4(const Bytes &frame) {
    return frame.size() >= l3 + 20 && frame[12] == 8 && frame[13] == 0;
}

bool is_v6(const Bytes &frame) {
    return frame.size() >= l3 + 40 && frame[12] == 0x86 && frame[13] == 0xdd;
}

// Does the stack send another packet than the test has in hand? It puts the length right and an
// IPv4 source of zero, and conntrack takes the header from a whole IPv6 packet that calls itself a
// fragment.
bool is_put_right(const Bytes &frame, const std::uint8_t *datagram, std::size_t size) {
    auto length = [&](std::size_t at) { return std::size_t{datagram[at]} << 8 | datagram[at + 1]; };
    if (is_v4(frame))
        return length(2) != size || std::all_of(datagram + 12, datagram + 16, std::logical_not<>());
    if (!is_v6(frame)) return false;
    const bool is_whole_fragment = datagram[6] == IPPROTO_FRAGMENT && size >= 48 &&
                                   datagram[42] == 0 && (datagram[43] & 0xf9) == 0;
    return length(4) != size - 40 || is_whole_fragment;
}

void put_number(Bytes &frame, std::uint16_t number) {
    const auto high = static_cast<std::uint8_t>(number >> 8),
               low = static_cast<std::uint8_t>(number);
    if (is_v4(frame)) {
        frame[l3 + 4] = high;
        frame[l3 + 5] = low;
        put_checksum(frame, static_cast<std::size_t>(frame[l3] & 15) * 4);
    } else if (is_v6(frame)) {
        frame[l3 + 1] &= 0xf0;
        frame[l3 + 2] = high;
        frame[l3 + 3] = low;
    }
}

}  // namespace

void shell(const std::string &command) {
    if (std::system(("set -e\n" + command).c_str()) != 0)
        throw std::runtime_error("failed: " + command);
}

std::string shell_output(const std::string &command) {
    std::string text;
    FILE *pipe = popen(command.c_str(), "r");
    if (!pipe) throw std::runtime_error("cannot run " + command);
    std::array<char, 65536> buffer;
    while (const std::size_t size = fread(buffer.data(), 1, buffer.size(), pipe))
        text.append(buffer.data(), size);
    pclose(pipe);
    return text;
}

Wire::Wire() {
    shell(setup);
    edge_ = if_nametoindex("edge0");
    far_ = if_nametoindex("far0");
    cpus_ = stay_on_one_cpu();
    raw_ = need(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket");
    tap_ = tap_on(edge_);
    out_v4_ = raw_socket(AF_INET, edge_);
    out_v6_ = raw_socket(AF_INET6, edge_);
    groups_ = need(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    groups_v6_ = need(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    join_groups(groups_, groups_v6_, edge_);
}

Wire::~Wire() {
    (void)sched_setaffinity(0, sizeof(cpus_), &cpus_);
    for (const int fd : {raw_, tap_, out_v4_, out_v6_, groups_, groups_v6_}) close(fd);
    (void)std::system(
        "nft delete table inet behind; ip link del edge0; ip rule del iif edge0; "
        "ip -6 rule del iif edge0; ip route flush table 100; ip -6 route flush table 100");
}

bool Wire::to_host(const Bytes &frame) const {
    sockaddr_ll to = {};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(far_);
    return sendto(raw_, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr *>(&to),
                  sizeof(to)) >= 0;
}

bool Wire::send(Direction direction, Bytes frame, std::uint16_t number) {
    put_number(frame, number);
    if (direction == Direction::in) {
        is_on_the_way_ = true;
        return to_host(frame);
    }
    const std::uint8_t *datagram = frame.data() + l3;
    const std::size_t size = frame.size() - l3;
    if (is_put_right(frame, datagram, size)) return false;
    if (is_v4(frame)) {
        sockaddr_in to = {};
        to.sin_family = AF_INET;
        std::memcpy(&to.sin_addr, datagram + 16, 4);
        return was_sent(
            sendto(out_v4_, datagram, size, 0, reinterpret_cast<sockaddr *>(&to), sizeof(to)));
    }
    if (!is_v6(frame)) return false;
    sockaddr_in6 to = {};
    to.sin6_family = AF_INET6;
    std::memcpy(&to.sin6_addr, datagram + 24, 16);
    to.sin6_scope_id = edge_;
    return was_sent(
        sendto(out_v6_, datagram, size, 0, reinterpret_cast<sockaddr *>(&to), sizeof(to)));
}

// The kernel may take a frame in later than it was sent, but in the order of one processor. So a
// last one tells that the others have gone through all filters.
void Wire::await_arrivals() {
    if (!is_on_the_way_) return;
    is_on_the_way_ = false;
    Bytes last(60);
    last[12] = ETH_P_802_EX1 >> 8;
    last[13] = ETH_P_802_EX1 & 0xff;
    constexpr int patience_ms = 30'000;
    pollfd wait = {tap_, POLLIN, 0};
    if (!to_host(last) || poll(&wait, 1, patience_ms) <= 0)
        throw std::runtime_error("a frame has not come");
    need(static_cast<int>(recv(tap_, last.data(), last.size(), 0)), "tap");
}

std::set<std::uint16_t> Wire::passed(Direction direction) {
    await_arrivals();
    std::set<std::uint16_t> numbers;
    for (const char *family : {"v4", "v6"}) {
        const std::string set = (direction == Direction::in ? "in-" : "out-") + std::string(family);
        const auto json = nlohmann::json::parse(shell_output("nft -j list set inet behind " + set));
        for (const auto &object : json.at("nftables"))
            if (object.contains("set") && object["set"].contains("elem"))
                for (const auto &one : object["set"]["elem"])
                    numbers.insert(
                        (one.is_object() ? one["elem"]["val"] : one).get<std::uint16_t>());
    }
    return numbers;
}

void Wire::forget() {
    shell(
        "nft 'flush set inet behind in-v4; flush set inet behind in-v6; "
        "flush set inet behind out-v4; flush set inet behind out-v6'");
}

void Wire::forget_flows() {
    await_arrivals();
    struct {
        nlmsghdr header;
        nfgenmsg family;
    } request = {};
    request.header.nlmsg_len = sizeof(request);
    request.header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    const int fd = need(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), "netlink");
    char answer[256];
    need(static_cast<int>(::send(fd, &request, sizeof(request), 0)), "flush of conntrack");
    need(static_cast<int>(recv(fd, answer, sizeof(answer), 0)), "flush of conntrack");
    close(fd);
}

}  // namespace pm::test
