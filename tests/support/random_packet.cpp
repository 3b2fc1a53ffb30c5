// SPDX-License-Identifier: Apache-2.0
#include "tests/support/random_packet.h"

#include <algorithm>

#include "tests/support/kernel.h"
#include "tests/support/payloads.h"

namespace pm::test {

namespace {

Address step(Address address, bool up) {
    std::uint64_t before = address.low;
    address.low += up ? 1 : ~std::uint64_t{0};
    if (up ? address.low < before : address.low > before)
        address.high += up ? 1 : ~std::uint64_t{0};
    return address;
}

Address random_address(Random &random) {
    static const std::vector<Address> odd{
        address("0.0.0.0"),
        address("127.0.0.1"),
        address("255.255.255.255"),
        address("224.0.0.251"),
        address("224.0.0.250"),
        address("240.0.0.1"),
        address("203.0.113.10"),
        address("192.0.2.1"),
        address("::"),
        address("::1"),
        address("ff02::fb"),
        address("2001:db8:10::10"),
        address("2001:db8:20::1"),
        address("fe80::1"),
        address("10.9.0.10"),
    };
    if (random.chance(50)) return random.pick(odd);
    if (random.chance(50)) return Address::v4(static_cast<std::uint32_t>(random.bits()));
    return {0x2001000000000000 | random.bits() >> 16, random.bits()};
}

// An address of the set, mostly at an edge, sometimes one step beside it.
Address near(Random &random, const AddressSet &set) {
    if (set.empty() || random.chance(6)) return random_address(random);
    if (random.chance(40)) {  // of a set that holds nearly all: nobody in particular
        const Address nobody = random.chance(50) ? Address::v4(0xc0000200U + random.below(256))
                                                 : Address{0x20010db800990000U, random.below(256)};
        if (set.contains(nobody)) return nobody;
    }
    const Range &range = random.pick(set.ranges());
    Address address = random.chance(50) ? range.first : range.last;
    if (random.chance(20)) return step(address, address == range.last);
    if (random.chance(30)) {
        const std::uint64_t width = range.last.low - range.first.low;
        address = range.first;
        address.low += width == ~std::uint64_t{0} ? random.bits() : random.bits() % (width + 1);
    }
    return address;
}

std::uint16_t near(Random &random, const Ports &ports) {
    if (ports.empty() || random.chance(6)) return static_cast<std::uint16_t>(random.bits());
    const PortRange &range = random.pick(ports);
    int port = random.chance(50) ? range.first : range.last;
    if (random.chance(20)) port += random.chance(50) ? 1 : -1;
    if (ports == any_port && random.chance(80)) port = random.pick({40000, 50000, 59999, 3478, 53});
    return static_cast<std::uint16_t>(port);
}

const AddressSet &set_named(const Policy &policy, const std::string &name) {
    static const AddressSet unicast = AddressSet::any();
    if (auto role = policy.roles.find(name); role != policy.roles.end())
        return role->second.addresses;
    auto peers = policy.peers.find(name);
    return peers == policy.peers.end() ? unicast : peers->second.addresses;
}

std::uint8_t random_flags(Random &random) {
    if (random.chance(8)) return static_cast<std::uint8_t>(random.bits());
    return static_cast<std::uint8_t>(random.pick(
        {SYN, SYN, SYN | ECE | CWR, SYN | ACK, ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK}));
}

void break_link(Random &random, Packet &packet) {
    static const std::vector<std::uint16_t> types{0x8100, 0x88a8, 0x9100};
    for (int tags = random.chance(20) ? random.between(1, 3) : 0; tags > 0; --tags)
        packet.tags.push_back({random.pick(types), static_cast<std::uint16_t>(random.bits())});
    if (random.chance(2)) packet.source_mac = multicast_mac;
    if (random.chance(4))
        packet.destination_mac = random.chance(50) ? broadcast_mac : multicast_mac;
    if (random.chance(1)) packet.ethertype = static_cast<std::uint16_t>(random.bits());
}

void break_network(Random &random, Packet &packet) {
    auto byte = [&] { return static_cast<std::uint8_t>(random.bits()); };
    if (random.chance(2)) packet.version = byte() & 15;
    if (random.chance(2)) packet.header_words = byte() & 15;
    if (random.chance(3)) packet.length = static_cast<std::uint16_t>(random.below(100));
    if (random.chance(2)) packet.protocol = byte();
    if (random.chance(10)) packet.trailer = Bytes(random.below(20), byte());
    if (random.chance(5))
        packet.hop_limit = static_cast<std::uint8_t>(random.pick({0, 1, 254, 255}));
    if (random.chance(8))
        for (int i = random.between(1, 12); i > 0; --i)
            packet.options.push_back(static_cast<std::uint8_t>(
                random.chance(70) ? random.pick({0, 1, 2, 3, 4, 7, 131, 137, 148}) : byte()));
    while (random.chance(15))
        packet.extensions.push_back(
            {static_cast<std::uint8_t>(random.pick({0, 60, 60, 60, 43, 44, 51})),
             Bytes(random.chance(85) ? 6 : random.below(130)),
             {}});
    if (random.chance(2) && !packet.extensions.empty()) packet.extensions[0].length = byte();
    if (random.chance(8))
        packet.fragment = Fragment{
            static_cast<std::uint16_t>(random.pick({0, 0, 8, 16, 24, 65528})), random.chance(60),
            random.below(4), random.chance(80) ? 8 * (1 + random.below(4)) : 8 + random.below(32)};
}

void damage(Random &random, Bytes &bytes) {
    if (random.chance(6)) bytes.resize(random.below(static_cast<std::uint32_t>(bytes.size() + 1)));
    if (random.chance(5) && bytes.size() > 12)
        bytes[12 + random.below(static_cast<std::uint32_t>(bytes.size() - 12))] ^=
            static_cast<std::uint8_t>(1U << random.below(8));
}

Packet random_igmp(Random &random) {
    static const std::vector<Address> sources{address("198.51.100.7"), address("10.9.0.10"),
                                              address("0.0.0.0"), address("192.0.2.1")};
    static const std::vector<Address> groups{address("224.0.0.251"), address("239.1.2.3"),
                                             address("0.0.0.0")};
    static const std::vector<Address> others{address("224.0.0.1"), address("224.0.0.2"),
                                             address("224.0.0.22"), address("203.0.113.10"),
                                             address("255.255.255.255")};
    const Address group = random.pick(groups);
    Bytes message(random.pick({8, 8, 8, 8, 12, 12, 16, 20, 7, 1400}));
    message[0] = static_cast<std::uint8_t>(random.pick({0x11, 0x11, 0x12, 0x16, 0x17, 0x22, 0x13}));
    message[1] = static_cast<std::uint8_t>(random.pick({0, 100}));
    for (int i = 0; i < 4 && message.size() >= 8; ++i)
        message[static_cast<std::size_t>(4 + i)] =
            static_cast<std::uint8_t>(group.low >> (24 - 8 * i));
    if (message.size() >= 12) message[11] = static_cast<std::uint8_t>(random.pick({0, 1, 2}));
    Packet packet;
    packet.from = random.pick(sources);
    packet.to = random.chance(40) ? group : random.pick(others);
    packet.transport = Raw{2, std::move(message)};
    packet.hop_limit = random.chance(90) ? 1 : 2;
    if (random.chance(75))
        packet.options = {148, 4, 0, static_cast<std::uint8_t>(random.chance(5))};
    return packet;
}

Bytes random_control(Random &random) {
    if (random.chance(50)) return frame(random_igmp(random));
    if (random.chance(60))
        return frame(Arp{.operation = static_cast<std::uint16_t>(random.pick({1, 2, 3})),
                         .length = 26 + random.below(30)});
    return frame(static_cast<std::uint16_t>(random.pick({0x8809, 0x88cc, 0x0027, 0x8847})),
                 Bytes(40, static_cast<std::uint8_t>(random.bits() & 3)));
}

Transport random_transport(Random &random, const FlowEnds &ends, bool from_local, bool opener) {
    std::uint16_t source = from_local ? ends.local_port : ends.remote_port;
    std::uint16_t destination = from_local ? ends.remote_port : ends.local_port;
    bool v4 = ends.local.is_v4();
    if (ends.protocol == 6) {
        Tcp tcp{.source = source, .destination = destination, .flags = random_flags(random)};
        if (random.chance(20)) tcp.options = Bytes(random.below(40), 1);
        if (random.chance(opener ? 30 : 10)) tcp.payload = random_payload(random);
        if (random.chance(2)) tcp.header_words = static_cast<std::uint8_t>(random.below(16));
        return tcp;
    }
    if (ends.protocol == 17) {
        Udp udp{.source = source,
                .destination = destination,
                .payload = random.chance(60) ? random_payload(random) : Bytes(random.below(40))};
        if (random.chance(4)) udp.length = static_cast<std::uint16_t>(random.below(50));
        return udp;
    }
    if (ends.protocol == (v4 ? 1 : 58)) {
        int type = opener ? (v4 ? 8 : 128) : (v4 ? 0 : 129);
        if (random.chance(25))
            type = v4 ? random.pick({0, 3, 8, 11, 12, 5, 13})
                      : random.pick({1, 2, 3, 4, 128, 129, 130, 133, 135, 136, 143, 137});
        return Icmp{.type = static_cast<std::uint8_t>(type), .code = 0, .id = ends.local_port};
    }
    return Raw{ends.protocol, Bytes(random.below(30), static_cast<std::uint8_t>(random.bits()))};
}

}  // namespace

Bytes random_payload(Random &random) {
    static const std::vector<Bytes> spoken{stun(1),
                                           stun(3, Bytes(8)),
                                           stun(1, {}, 0x12345678),
                                           stun(0x101),
                                           stun(4),
                                           msturn(3),
                                           msturn(6, Bytes(3)),
                                           msturn_frame(5),
                                           client_hello(),
                                           client_hello(4),
                                           client_hello(5),
                                           dtls_hello(),
                                           rtp(),
                                           rtp(7),
                                           text("INVITE sip:a"),
                                           text("\r\n\r\n"),
                                           {0},
                                           {2, 0, 0, 4},
                                           {3, 0},
                                           {0x80, 0x46, 1, 3, 1},
                                           text("get / ht"),
                                           Bytes(40, 0xff),
                                           {64, 0, 0, 4, 1, 2, 3, 4}};
    Bytes payload = random.pick(spoken);
    if (random.chance(15))
        payload.resize(random.below(static_cast<std::uint32_t>(payload.size() + 1)));
    if (random.chance(15) && !payload.empty())
        payload[random.below(static_cast<std::uint32_t>(payload.size()))] ^=
            static_cast<std::uint8_t>(1U << random.below(8));
    return payload;
}

AddressSet random_bans(Random &random, const std::vector<FlowEnds> &flows) {
    std::vector<Range> ranges;
    for (const FlowEnds &ends : flows)
        if (random.chance(40)) ranges.push_back({ends.remote, ends.remote});
    return AddressSet(ranges);
}

FlowEnds random_ends(Random &random, const Policy &policy) {
    const Row &row = random.pick(policy.rows);
    bool in = row.direction == Direction::in;
    FlowEnds ends;
    ends.opener = row.direction;
    ends.protocol = random.chance(95)
                        ? random.pick(row.transports)
                        : static_cast<std::uint8_t>(random.pick({1, 2, 6, 17, 47, 58, 136}));
    const AddressSet &locals = set_named(policy, in ? row.destination : row.source);
    const AddressSet &peers = set_named(policy, in ? row.source : row.destination);
    ends.local = near(random, locals);
    ends.remote = near(random, peers);
    for (int i = 0; i < 8 && ends.local.is_v4() != ends.remote.is_v4(); ++i) {
        ends.local = near(random, locals);
        ends.remote = near(random, peers);
    }
    if (random.chance(1)) {  // DHCP, from either side
        ends.protocol = 17;
        ends.opener = Direction::out;
        ends.local_port = ends.local.is_v4() ? 68 : 546;
        ends.remote_port =
            static_cast<std::uint16_t>(ends.local_port - 1 + 2 * !ends.local.is_v4());
        return ends;
    }
    std::uint16_t port = near(random, row.port), source_port = near(random, row.source_port);
    ends.local_port = in ? port : source_port;
    ends.remote_port = in ? source_port : port;
    return ends;
}

Packet packet_of(Random &random, const FlowEnds &ends, Direction direction) {
    bool from_local = direction == Direction::out;
    Packet packet;
    packet.from = from_local ? ends.local : ends.remote;
    packet.to = from_local ? ends.remote : ends.local;
    packet.transport = random_transport(random, ends, from_local, direction == ends.opener);
    const auto *icmp = std::get_if<Icmp>(&packet.transport);
    if (icmp && icmp->type >= 130) {  // discovery and MLD ask for these
        packet.hop_limit = static_cast<std::uint8_t>(random.pick({255, 255, 1, 1, 64}));
        if (random.chance(50)) packet.from = address("fe80::1");
    }
    return packet;
}

Sent random_packet(Random &random, const Policy &policy) {
    for (;;) {
        Sent sent;
        FlowEnds ends = random_ends(random, policy);
        bool swapped = random.chance(30);
        sent.direction = (ends.opener == Direction::in) != swapped ? Direction::in : Direction::out;
        if (random.chance(3)) {
            sent.bytes = random_control(random);
        } else {
            Packet packet = packet_of(random, ends, sent.direction);
            if (random.chance(40)) break_link(random, packet);
            if (random.chance(40)) break_network(random, packet);
            sent.bytes = frame(packet);
        }
        damage(random, sent.bytes);
        if (Kernel::can_run(sent.direction, sent.bytes)) return sent;
    }
}

}  // namespace pm::test
