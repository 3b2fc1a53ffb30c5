# SPDX-License-Identifier: Apache-2.0
"""The other end of a guest's network card, on this machine, without any network of it.

QEMU's `-netdev dgram` hands each frame over as one UDP datagram on the loopback. A Wire is the
socket that takes them. From a thread it sends, every few milliseconds, frames that a policy forbids and a
few that it permits, and judges whatever the guest sends:

    essential   ARP, neighbour and router discovery, MLD, IGMP, link protocols: no policy cuts them
    permitted   answers to PARTNER's pings and to ADMIN's port 22
    forbidden   everything else. An open host answers STRANGER's SYN by RST, his datagram by an ICMP
                error, and a knock (a datagram of the guest's own to port 9999) gets out

Frames go to each address that the guest's card may have, IPv4 and the link-local one of IPv6, so that an
open card answers also before it was configured."""

import collections
import ipaddress
import selectors
import socket
import struct
import threading
import time

PACE = 0.004  # seconds from one frame to the next, on each card
STRANGER, PARTNER, ADMIN = 66, 7, 40  # the last byte of who sends
SHUT, KNOCKED, SSH = 8080, 9999, 22  # ports
PEER_MAC = "02:00:00:00:00:%02x"
ARP, IP4, IP6, VLAN = 0x0806, 0x0800, 0x86DD, 0x8100


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data if len(data) % 2 == 0 else data + b"\0"))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip4(source, target, protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, source, target)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(source, target, protocol, payload, hops=64):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, hops, source, target) + payload


def pseudo(source, target, protocol, payload):
    if len(source) == 4:
        return source + target + struct.pack("!BBH", 0, protocol, len(payload))
    return source + target + struct.pack("!IxxxB", len(payload), protocol)


def summed(source, target, protocol, payload, place):
    """The payload with its checksum, which stands at `place`."""
    even = payload + b"\0" * (len(payload) % 2)
    value = checksum(pseudo(source, target, protocol, payload) + even)
    return payload[:place] + struct.pack("!H", value) + payload[place + 2 :]


def syn(source, target, port, from_port):
    segment = struct.pack("!HHIIBBHHH", from_port, port, 1000, 0, 5 << 4, 2, 8192, 0, 0)
    return summed(source, target, 6, segment, 16)


def datagram(source, target, port, from_port):
    return summed(source, target, 17, struct.pack("!HHHH", from_port, port, 12, 0) + b"open", 6)


def echo(number):
    request = struct.pack("!BBHHH", 8, 0, 0, 77, number) + b"portmatrix"
    return request[:2] + struct.pack("!H", checksum(request)) + request[4:]


def link_local(mac):
    raw = mac_bytes(mac)
    return bytes.fromhex("fe80000000000000") + bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:]


def peer6(number):
    return bytes.fromhex("fe800000000000000000000000000000")[:15] + bytes([number])


class Wire:
    def __init__(self, name, mac, clock=time.monotonic):
        self.name, self.mac, self.clock = name, mac, clock
        self.lock = threading.Lock()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        free.bind(("127.0.0.1", 0))
        self.place = free.getsockname()
        free.close()
        self.own = []  # the IPv4 addresses that the host behind may have on this card
        self.vlan = None  # the tag of the network that is looked at; None: untagged
        self.target = mac  # learned anew from what comes
        self.turn, self.frames = 0, []  # made for `self.made`, as making them takes longer than sending
        self.made = None
        self.forget()

    def arguments(self):
        """QEMU's netdev; the device is its caller's."""
        here = self.socket.getsockname()[1]
        return [
            "-netdev",
            f"dgram,id={self.name},local.type=inet,local.host=127.0.0.1,local.port={self.place[1]},"
            f"remote.type=inet,remote.host=127.0.0.1,remote.port={here}",
        ]

    def expect(self, own, vlan=None):
        with self.lock:
            self.own, self.vlan, self.target = list(own), vlan, self.mac

    def forget(self):
        with self.lock:
            self.seen = collections.Counter()
            self.forbidden = []  # (time, what)
            self.last = {}  # kind of what is permitted -> time

    def silence(self):
        """Stops asking for what is forbidden, until expect()."""
        self.expect([])

    # Sending

    def frame(self, ethertype, payload, number, target=None):
        source = mac_bytes(PEER_MAC % number)
        tag = struct.pack("!HH", VLAN, self.vlan) if self.vlan is not None else b""
        return mac_bytes(target or self.target) + source + tag + struct.pack("!H", ethertype) + payload

    def send(self, frame):
        try:
            self.socket.sendto(frame.ljust(60, b"\0"), self.place)
        except OSError:  # no guest, or its queue is full
            pass

    def questions(self, port):
        """What is sent in turn."""
        six = link_local(self.target)
        for own in map(lambda text: ipaddress.ip_address(text).packed, self.own):
            peer = [own[:3] + bytes([number]) for number in (STRANGER, PARTNER, ADMIN)]
            yield IP4, ip4(peer[0], own, 6, syn(peer[0], own, SHUT, port)), STRANGER
            yield IP4, ip4(peer[0], own, 17, datagram(peer[0], own, SHUT, port)), STRANGER
            yield IP4, ip4(peer[1], own, 1, echo(port)), PARTNER
            yield IP4, ip4(peer[1], own, 6, syn(peer[1], own, SHUT, port)), PARTNER
            yield IP4, ip4(peer[2], own, 6, syn(peer[2], own, SSH, port)), ADMIN
        stranger = peer6(STRANGER)
        yield IP6, ip6(stranger, six, 6, syn(stranger, six, SHUT, port)), STRANGER

    def ask(self):
        with self.lock:
            if not self.own:
                return
            if self.made != (self.own, self.target, self.vlan):
                self.made = (self.own, self.target, self.vlan)
                self.frames = [
                    self.frame(*question)
                    for port in range(20000, 20020)
                    for question in self.questions(port)
                ]
            self.turn += 1
            self.send(self.frames[self.turn % len(self.frames)])

    # Judging

    def hear(self):
        while True:
            try:
                frame = self.socket.recv(65536)
            except OSError:
                return
            with self.lock:
                self.take(frame)

    def take(self, frame):
        kind, rest = struct.unpack("!H", frame[12:14])[0], frame[14:]
        tag = None
        if kind == VLAN:
            tag, kind = struct.unpack("!HH", rest[:4])
            tag, rest = tag & 0xFFF, rest[4:]
        source = frame[6:12].hex(":")
        if tag != self.vlan:
            self.seen["beside"] += 1
            return
        self.target = source
        what = self.judge(kind, rest)
        word = what.split(":")[0]
        self.seen[word] += 1
        if word == "forbidden":
            self.forbidden.append((self.clock(), what[11:]))
        elif word == "permitted":
            self.last[what[11:]] = self.clock()

    def judge(self, kind, rest):
        if kind == ARP:
            return self.answer_arp(rest)
        if kind == IP4:
            return self.judge4(rest)
        if kind == IP6:
            return self.judge6(rest)
        is_link = kind in (0x8809, 0x88CC, 0x88F7) or kind < 1536
        return "essential" if is_link else f"forbidden: type {kind:#x}"

    def answer_arp(self, rest):
        operation, mac, sender, _, wanted = struct.unpack("!H6s4s6s4s", rest[6:28])
        if operation == 1 and wanted != sender and wanted[3] in (STRANGER, PARTNER, ADMIN):
            ours = mac_bytes(PEER_MAC % wanted[3])
            answer = struct.pack("!HHBBH6s4s6s4s", 1, IP4, 6, 4, 2, ours, wanted, mac, sender)
            self.send(self.frame(ARP, answer, wanted[3], mac.hex(":")))
        return "essential"

    def judge4(self, rest):
        length = (rest[0] & 15) * 4
        protocol, target, payload = rest[9], rest[16:20], rest[length:]
        place = f"{ipaddress.ip_address(rest[12:16])} > {ipaddress.ip_address(target)}"
        if protocol == 2:
            return "essential"
        if protocol == 1:
            if payload[0] == 0 and target[3] == PARTNER:
                return "permitted: ping"
            return f"forbidden: {place} ICMP type {payload[0]}"
        ports = struct.unpack("!HH", payload[:4])
        if protocol == 6 and ports[0] == SSH and target[3] == ADMIN:
            return "permitted: failsafe"
        if protocol == 17 and ports == (68, 67):
            return "essential"
        return f"forbidden: {place} protocol {protocol} ports {ports[0]} > {ports[1]}"

    def judge6(self, rest):
        protocol, source, target, payload = rest[6], rest[8:24], rest[24:40], rest[40:]
        if protocol == 0 and payload[0] == 58:  # hop-by-hop: MLD has a router alert
            protocol, payload = 58, payload[(payload[1] + 1) * 8 :]
        if protocol == 58 and payload[0] == 135 and payload[8:23] == peer6(0)[:15]:
            self.answer_neighbour(source, payload[8:24])
        if protocol == 58 and payload[0] in (130, 131, 132, 133, 134, 135, 136, 143):
            return "essential"
        return (
            f"forbidden: {ipaddress.ip_address(source)} > {ipaddress.ip_address(target)} "
            f"protocol {protocol} {payload[:4].hex()}"
        )

    def answer_neighbour(self, source, wanted):
        if source == bytes(16) or wanted[15] not in (STRANGER, PARTNER, ADMIN):
            return
        ours = mac_bytes(PEER_MAC % wanted[15])
        body = struct.pack("!BBHI16sBB6s", 136, 0, 0, 0x60000000, wanted, 2, 1, ours)
        body = summed(wanted, source, 58, body, 2)
        self.send(self.frame(IP6, ip6(wanted, source, 58, body, 255), wanted[15]))


class Wires:
    """All wires of a guest, kept busy by one thread. Use as a context."""

    def __init__(self, wires):
        self.wires = {wire.name: wire for wire in wires}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
        for wire in self:
            wire.socket.close()

    def __iter__(self):
        return iter(self.wires.values())

    def __getitem__(self, name):
        return self.wires[name]

    def serve(self):
        loop = selectors.DefaultSelector()
        for wire in self:
            loop.register(wire.socket, selectors.EVENT_READ, wire)
        due = time.monotonic()
        while not self.ending.is_set():
            for key, _ in loop.select(max(0.0, due - time.monotonic())):
                key.data.hear()
            if time.monotonic() >= due:
                due = max(due + PACE, time.monotonic())
                for wire in self:
                    wire.ask()

    def forget(self):
        for wire in self:
            wire.forget()

    def forget_permitted(self):
        for wire in self:
            with wire.lock:
                wire.last = {}

    def forbidden(self):
        """What was forbidden and came all the same: (time, card, what), in order."""
        return sorted((at, wire.name, what) for wire in self for at, what in list(wire.forbidden))
