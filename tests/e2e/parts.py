#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends large datagrams in parts, each time in another order, and counts how many of them come back.

It ends with the first that does not come back within SECONDS.

parts.py OWN-ADDRESS EDGE-ADDRESS MAC PORT COUNT SECONDS"""

import ipaddress
import logging
import random
import socket
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import IP, UDP, Ether, IPv6, IPv6ExtHdrFragment, Raw, fragment, fragment6, raw  # noqa: E402

LINK = "eth0"
SIZE = 4000


def parts_of(own, edge, ports, payload, number):
    if ipaddress.ip_address(edge).version == 4:
        whole = IP(src=own, dst=edge, id=number) / UDP(sport=ports[0], dport=ports[1]) / Raw(payload)
        return fragment(whole, 1400)
    whole = IPv6(src=own, dst=edge) / IPv6ExtHdrFragment(id=number) / \
        UDP(sport=ports[0], dport=ports[1]) / Raw(payload)
    return fragment6(whole, 1400)


def main():
    own, edge, mac, port, count, seconds = sys.argv[1:]
    family = socket.AF_INET6 if ":" in edge else socket.AF_INET
    answers = socket.socket(family, socket.SOCK_DGRAM)
    answers.bind((own, 0))
    answers.settimeout(float(seconds))
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((LINK, 0))
    came = 0
    for number in range(1, int(count) + 1):
        payload = number.to_bytes(4, "big") + random.randbytes(SIZE)
        parts = parts_of(own, edge, (answers.getsockname()[1], int(port)), payload, number)
        first = parts.pop(0)
        random.shuffle(parts)
        parts.insert(random.randint(1, len(parts)), first)  # never in front
        for part in parts:
            wire.send(raw(Ether(dst=mac) / part))
        try:
            came += answers.recv(65535) == payload
        except TimeoutError:
            break
    print(came)


main()
