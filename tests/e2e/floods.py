#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Floods, and quiet conversations that must outlive them.

floods.py call ADDRESS PORT            a service that answers each datagram; at each line on its
                                       standard input it speaks to everyone it has heard
floods.py hold SOURCE ADDRESS PORT COUNT
                                       COUNT sockets that ask that service once and stay; after each
                                       line on standard input, how many the service still reaches
floods.py send KIND MAC ADDRESS PORT COUNT
                                       raw frames from ever other addresses and ports of 11.0.0.0/8:
                                       syn, ack, udp (one datagram of each), udp2 (two), part (a
                                       first fragment of each) or one (from one address alone);
                                       arp or discovery: who has ADDRESS, each from another
                                       neighbour; igmp: a report of a group
floods.py shake ADDRESS PORT COUNT SOURCE...
                                       whole TCP connections, one after the other from each source
floods.py ask ADDRESS PORT COUNT SOURCE SECONDS
                                       datagrams from ever other own ports; so long is each answer
                                       waited for

What sends prints how many there were."""

import collections
import errno
import select
import socket
import struct
import sys
import time

SO_RCVBUFFORCE = 33
PATIENCE = 2.0
OWN_MAC = bytes.fromhex("020000000011")


def udp(source, port=0):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((source, port))
    return one


def call(address, port):
    service = udp(address, port)
    service.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    heard = {}
    print("ready", flush=True)
    while True:
        for one in select.select([service, sys.stdin], [], [])[0]:
            if one is service:
                data, peer = service.recvfrom(64)
                if data == b"stay":
                    heard[peer] = True
                service.sendto(data, peer)
            else:
                if not sys.stdin.readline():
                    return
                for number, peer in enumerate(heard):
                    service.sendto(b"again", peer)
                    if number % 64 == 63:
                        time.sleep(0.005)


def hold(source, address, port, count):
    sockets = []
    for _ in range(count):
        one = udp(source)
        one.connect((address, port))
        one.send(b"stay")
        if one.recv(64) != b"stay":
            sys.exit("no answer")
        sockets.append(one)
    print("ready", flush=True)
    while sys.stdin.readline():
        reached, waiting = 0, set(sockets)
        end = time.monotonic() + PATIENCE
        while waiting and time.monotonic() < end:
            for one in select.select(list(waiting), [], [], 0.1)[0]:
                try:
                    reached += one.recv(64) == b"again"
                except ConnectionRefusedError:
                    continue
                waiting.discard(one)
        print(reached, flush=True)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol, source, target, body, options=b"", hop_limit=64, number=0, more=0):
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 + words, 0, 4 * words + len(body), number & 0xFFFF, more,
                       hop_limit, protocol, 0) + source + target + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def arp_question(source, address):
    return b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + OWN_MAC + source + bytes(6) + \
        socket.inet_aton(address)


def discovery(source, address):
    """A neighbour solicitation (RFC 4861, 4.3)."""
    source = bytes.fromhex("fe80000000000000") + bytes(4) + source
    target = socket.inet_pton(socket.AF_INET6, address)
    body = struct.pack("!BBHI", 135, 0, 0, 0) + target + b"\x01\x01" + OWN_MAC
    pseudo = source + target + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    return b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + target + body


def igmp_report():
    """Of version 2 (RFC 2236), with Router Alert, of a host that has no address yet."""
    group = socket.inet_aton("239.1.2.3")
    body = struct.pack("!BBH", 0x16, 0, 0) + group
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    return b"\x08\x00" + ipv4(2, bytes(4), group, body, bytes([148, 4, 0, 0]), 1)


def spoofed(kind, mac, address, port, number):
    """A frame whose source follows from its number."""
    place = 1 if kind == "one" else number * 2654435761 % (1 << 24)
    source = struct.pack("!I", (11 << 24) + place)
    if kind == "arp":
        return mac + OWN_MAC + arp_question(source, address)
    if kind == "discovery":
        return mac + OWN_MAC + discovery(source, address)
    if kind == "igmp":
        return b"\x01\x00\x5e\x01\x02\x03" + OWN_MAC + igmp_report()
    sport = 1024 + number * 40503 % 60000
    target = socket.inet_aton(address)
    protocol = 6 if kind in ("syn", "ack") else 17
    if protocol == 17:
        body = struct.pack("!HHHH", sport, port, 16, 0) + b"matrix.."
    else:
        flags = 2 if kind == "syn" else 16
        body = struct.pack("!HHIIBBHHH", sport, port, number, 1, 5 << 4, flags, 65535, 0, 0)
        pseudo = source + target + struct.pack("!HH", 6, len(body))
        body = body[:16] + struct.pack("!H", checksum(pseudo + body)) + body[18:]
    more = 0x2000 if kind == "part" else 0
    return mac + OWN_MAC + b"\x08\x00" + ipv4(protocol, source, target, body, number=number,
                                              more=more)


def send(kind, mac, address, port, count):
    mac = bytes.fromhex(mac.replace(":", ""))
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind(("eth0", 0))
    times = 2 if kind == "udp2" else 1
    first = 500_000 if kind == "ack" else 0  # of no flow that a SYN has opened
    sent = 0
    for number in range(count):
        frame = spoofed(kind, mac, address, port, first + number)
        for _ in range(times):
            while True:
                try:
                    wire.send(frame)
                    break
                except OSError as error:
                    if error.errno != errno.ENOBUFS:
                        raise
                    time.sleep(0.001)
            sent += 1
    print(sent, flush=True)


def shake(address, port, count, sources):
    done = collections.Counter()
    waiting = select.epoll()
    sockets = {}
    started = 0
    while started < count or sockets:
        while started < count and len(sockets) < 64:
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            one.bind((sources[started % len(sources)], 0))
            one.connect_ex((address, port))
            sockets[one.fileno()] = one
            waiting.register(one, select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP |
                             select.EPOLLOUT)
            started += 1
        for number, event in waiting.poll(3):
            one = sockets[number]
            if event & select.EPOLLOUT and not event & select.EPOLLERR and number not in done:
                one.send(b"x\n")  # its echo comes from an established socket
                done[number] = 1
                waiting.modify(one, select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP)
                continue
            done["all"] += bool(event & select.EPOLLIN)
            del sockets[number]
            done.pop(number, None)
            one.close()
    print(done["all"], flush=True)


def ask(address, port, count, source, patience):
    answered, recent = 0, collections.deque()
    for number in range(count):
        try:
            one = udp(source, 1024 + number % 40000)
        except OSError:  # somebody has the port
            continue
        one.connect((address, port))
        one.setblocking(False)
        try:
            one.send(b"ask")
        except OSError:
            pass
        recent.append(one)
        while len(recent) > 32:
            oldest = recent.popleft()
            select.select([oldest], [], [], patience)
            try:
                answered += oldest.recv(64) == b"ask"
            except OSError:
                pass
            oldest.close()
    print(count, answered, flush=True)


def main():
    what, *rest = sys.argv[1:]
    if what == "call":
        call(rest[0], int(rest[1]))
    elif what == "hold":
        hold(rest[0], rest[1], int(rest[2]), int(rest[3]))
    elif what == "send":
        send(rest[0], rest[1], rest[2], int(rest[3]), int(rest[4]))
    elif what == "shake":
        shake(rest[0], int(rest[1]), int(rest[2]), rest[3:])
    elif what == "ask":
        ask(rest[0], int(rest[1]), int(rest[2]), rest[3], float(rest[4]))


main()
