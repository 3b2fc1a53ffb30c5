#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tcp client that writes its segments itself, and what it talks to.

segments.py serve PORT
segments.py again EDGE MAC PORT OWN-ADDRESS HOW TIMES [COMMAND...]

`serve` accepts, and prints what each connection brings, a line for each read.

`again` sends a SYN, and keeps the SYN cookie of the answer. With that it completes the handshake TIMES
times; before each but the first it ends the connection by an RST. HOW it completes it:

    data   by an ACK with a payload
    bare   by an ACK; the payload comes after it
    parts  by an ACK with a payload, in two fragments
    last   by a FIN with a payload
    close  as data; but the connection before is ended by a FIN, not by an RST

The first payload is a TLS hello, all others are not. Before each of these it runs COMMAND."""

import logging
import random
import select
import socket
import subprocess
import sys
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import IP, TCP, Ether, fragment, get_if_hwaddr, raw  # noqa: E402

LINK = "eth0"
HELLO = bytes.fromhex("16030100050100000100") + bytes(14)
OTHER = b"GET / HTTP/1.1\r\n\r\n      "
PATIENCE = 10


def serve(port):
    listener = socket.create_server(("", port), backlog=512)
    connections = []
    while True:
        for one in select.select([listener, *connections], [], [])[0]:
            if one is listener:
                connections.append(one.accept()[0])
                continue
            try:
                data = one.recv(4096)
            except ConnectionError:
                data = b""
            if data:
                print(data, flush=True)
            else:
                connections.remove(one)
                one.close()


class Client:
    def __init__(self, edge, mac, port, own):
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0800))
        self.wire.bind((LINK, 0x0800))
        self.ether = Ether(src=get_if_hwaddr(LINK), dst=mac)
        self.ends = {"src": own, "dst": edge}
        self.ports = {"sport": random.randrange(10000, 50000), "dport": int(port)}
        self.start = random.getrandbits(31)
        self.cookie = 0

    def segment(self, flags, payload=b"", sent=0, heard=0):
        """`sent`, `heard`: how much of the connection came before, its SYNs left out."""
        acknowledged = self.cookie + 1 + heard if "A" in flags else 0
        return IP(id=random.getrandbits(16), **self.ends) / TCP(
            flags=flags, seq=self.start + sent + ("S" not in flags), ack=acknowledged,
            window=65535, **self.ports) / payload

    def send(self, *packets):
        for packet in packets:
            self.wire.send(raw(self.ether / packet))

    def hear(self, seconds, *flags):
        """The next segment from the Edge with some of these flags, or None."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and select.select([self.wire], [], [], left)[0]:
            frame = Ether(self.wire.recv(65535))
            if TCP in frame and frame[TCP].dport == self.ports["sport"] and \
                    frame[IP].src == self.ends["dst"] and str(frame[TCP].flags) in flags:
                return frame[TCP]
        return None

    def open(self):
        for _ in range(PATIENCE):
            self.send(self.segment("S"))
            answer = self.hear(1, "SA")
            if answer:
                self.cookie = answer.seq
                return
        sys.exit("nobody answered the SYN")

    def end(self, how, sent):
        if how != "close":  # an RST counts with the right number alone: was the payload taken?
            self.send(self.segment("R"), self.segment("R", sent=sent))
            return
        self.send(self.segment("FA", sent=sent))
        # Where there is no connection an RST answers, or nobody.
        answer = self.hear(2, "FA", "R", "RA")
        if answer and answer.flags == "FA":
            self.send(self.segment("A", sent=sent + 1, heard=1))

    def begin(self, how, payload):
        if how == "bare":
            self.send(self.segment("A"), self.segment("PA", payload))
        elif how == "parts":
            self.send(*fragment(self.segment("PA", payload), fragsize=32))
        else:
            self.send(self.segment("FPA" if how == "last" else "PA", payload))


def again(edge, mac, port, own, how, times, *command):
    client = Client(edge, mac, port, own)
    client.open()
    for number in range(int(times)):
        if number:
            client.end(how, len(HELLO) + (how == "last"))
            if command:
                subprocess.run(command, check=True)
        client.begin(how, OTHER if number else HELLO)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        again(*sys.argv[2:])
