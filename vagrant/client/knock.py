#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Knocks at a port of a host over UDP (with a SIP request) and TCP, and listens on the wire for
anything that the host sends here, resets and ICMP errors too.

    knock.py ADDRESS PORT INTERFACE [KNOCKS]    so many, or until its input ends

Last line: `N knocks, M answers`, after `knocking` and a line for each of the first answers. As root. The
host's link-layer address must be known for good, or the knocks stop at a host that is away.
"""
import os
import select
import socket
import sys
import time

INTERVAL = 0.01  # seconds
REQUEST = (b"OPTIONS sip:edge.example SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bK-%d;rport\r\n"
           b"From: <sip:knock@client.example>;tag=1\r\nTo: <sip:edge.example>\r\nCall-ID: %d\r\n"
           b"CSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n")


def knock_udp(out, number):
    name, port = out.getsockname()
    try:
        out.send(REQUEST % (name.encode(), port, number, number))
    except OSError:
        pass  # an ICMP error of the knock before; the wire shows it


def knock_tcp(target):
    out = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    out.connect_ex(target)
    return out


class Wire:
    """Counts what `host` sends to `here`, and shows the first of it."""

    def __init__(self, interface, host, here):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.bind((interface, 0x0800))
        self.addresses = socket.inet_aton(host) + socket.inet_aton(here)
        self.count = 0

    def listen(self, seconds):
        """For so long; False if the input has ended meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready = select.select([0, self.socket], [], [], left)[0]
            if self.socket in ready:
                self.look_at(self.socket.recv(2048))
            if 0 in ready and os.read(0, 4096) == b"":
                return False
        return True

    def look_at(self, frame):
        if frame[26:34] == self.addresses:
            self.count += 1
            if self.count <= 5:
                print("answer:", frame[14:64].hex(), flush=True)


def main():
    host, port, interface = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    most = float(sys.argv[4]) if len(sys.argv) > 4 else float("inf")
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.connect((host, port))
    wire = Wire(interface, host, datagrams.getsockname()[0])
    connecting, knocks = [], 0
    print("knocking", flush=True)
    while knocks < most and wire.listen(INTERVAL):
        knock_udp(datagrams, knocks)
        connecting = [knock_tcp((host, port)), *connecting[:100]]
        knocks += 2
    wire.listen(1)
    print(f"{knocks} knocks, {wire.count} answers")


if __name__ == "__main__":
    main()
