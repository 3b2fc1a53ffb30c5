#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Raw frames that are dropped for many different reasons:

  drops.py in|out EDGE-MAC OTHER-MAC EDGE4 EDGE6 OTHER4 OTHER6

in: from the other to the Edge, out: from the Edge to the other. Prints lines "WAY REASON PACKETS BYTES",
sorted by reason, as `status` must count them (IP bytes)."""

import logging
import socket
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import (ICMP, IP, TCP, UDP, Ether, ICMPv6DestUnreach, ICMPv6ND_NS, IPv6,
                       IPv6ExtHdrFragment, IPv6ExtHdrRouting, Raw)

way, edge_mac, other_mac, edge4, edge6, other4, other6 = sys.argv[1:]
frame = Ether(src=other_mac, dst=edge_mac) if way == "in" else Ether(src=edge_mac, dst=other_mac)
four = IP(src=other4, dst=edge4) if way == "in" else IP(src=edge4, dst=other4)
six = IPv6(src=other6, dst=edge6) if way == "in" else IPv6(src=edge6, dst=other6)
load = Raw(b"matrix")


def other(ip, **fields):
    """The same packet but for these fields."""
    ip = ip.copy()
    for name, value in fields.items():
        setattr(ip, name, value)
    return ip


BOTH = {
    "no-service": [four / UDP(sport=40000, dport=9) / load, six / UDP(sport=40000, dport=9) / load],
    # Permitted with partners only.
    "no-row": [four / TCP(sport=40000, dport=5061, flags="S"), six / TCP(sport=40000, dport=5061, flags="S")],
    "bad-tcp-flags": [four / TCP(sport=40000, dport=443, flags="SF"),
                      six / TCP(sport=40000, dport=443, flags="")],
    "malformed-l4": [four / UDP(sport=40000, dport=0) / load, six / TCP(sport=0, dport=443, flags="S")],
    "fragment-unknown": [other(four, frag=8, id=77, proto=47) / load,
                         six / IPv6ExtHdrFragment(offset=8, id=77, nh=132) / load],
    "unsupported-protocol": [other(four, proto=47) / load, other(six, nh=132) / load],
    "unsupported-icmp": [four / ICMP(type=13) / load],
}
IN = {
    "not-first-packet": [four / TCP(sport=40000, dport=443, flags="R"),
                         six / TCP(sport=40000, dport=443, flags="SA")],
    "own-address-spoofed": [other(four, src=edge4) / UDP(sport=40000, dport=3478) / load],
    "bad-source-address": [other(four, src="127.0.0.1") / UDP(sport=40000, dport=3478) / load],
    "extension-headers": [six / IPv6ExtHdrRouting(addresses=[]) / UDP(sport=40000, dport=3478) / load],
    "icmp-unrelated": [four / ICMP(type=3, code=3) / IP(src=edge4, dst=other4) / UDP(sport=3478, dport=9),
                       six / ICMPv6DestUnreach(code=4) / IPv6(src=edge6, dst=other6) /
                       UDP(sport=3478, dport=9)],
    "no-role": [other(four, dst="203.0.113.99") / UDP(sport=40000, dport=3478) / load],
    "malformed-essential": [other(six, hlim=64) / ICMPv6ND_NS(tgt=edge6)],
}


def main():
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("eth0", 0))
    for number, (reason, packets) in enumerate(sorted((BOTH | (IN if way == "in" else {})).items())):
        copies = 3 + number  # so that no two reasons have the same figures by chance
        for packet in packets * copies:
            try:
                out.send(bytes(frame / packet))
            except OSError:  # what is dropped on the way out is said to the sender
                pass
        print(way, reason, len(packets) * copies, sum(map(len, packets)) * copies)


main()
