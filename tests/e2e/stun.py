#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""STUN and TURN that coturn's own client cannot send.

  stun.py first udp|tcp ADDRESS PORT HEX...  sends each as the first payload of a flow of its own to an
                                             echo service; prints which came back, as 101
  stun.py garbled ADDRESS PORT COUNT         mutilated STUN datagrams, each from a port of its own;
                                             prints how many are still a request of RFC 8489
  stun.py relay ADDRESS PEER PORT            TCP relayed by TCP (RFC 6062), to an echo service; prints
                                             the relay's port and what came back
"""

import hashlib
import hmac
import random
import socket
import struct
import sys

COOKIE = 0x2112A442
BINDING = struct.pack("!HHI12s", 1, 0, COOKIE, b"portmatrix42")
PATIENCE = 0.3  # once what was sent later has been answered
USER, REALM, SECRET = b"matrix", b"example", b"secret"
ALLOCATE, PERMISSION, CONNECT, BIND = 0x003, 0x008, 0x00A, 0x00B


def first(transport, address, port, messages):
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM

    def begin(data):
        one = socket.socket(socket.AF_INET, kind)
        one.settimeout(5)
        one.connect((address, port))
        one.send(data)
        return one

    said = ""
    for text in messages:
        data = bytes.fromhex(text.replace("-", ""))
        with begin(data) as one, begin(BINDING) as later:
            if later.recv(65535) != BINDING:
                sys.exit("the echo is another service")
            one.settimeout(PATIENCE)
            try:
                said += "1" if one.recv(65535) == data else "?"
            except OSError:
                said += "0"
    print(said)


def is_request(data):
    """Would a row with `check: stun` let this datagram open a flow (RFC 8489)? DTLS is left out."""
    if len(data) < 20 or len(data) % 4:
        return len(data) >= 13 and data[:2] == b"\x16\xfe"
    kind, length, cookie = struct.unpack("!HHI", data[:8])
    return kind in (1, 3) and length == len(data) - 20 and cookie == COOKIE or \
        data[:2] == b"\x16\xfe"


def garbled(address, port, count):
    dice, requests = random.Random(3478), 0
    for number in range(count):
        attributes = b"".join(struct.pack("!HH", dice.getrandbits(16), dice.choice([0, 4, 65535])) +
                              dice.randbytes(4) for _ in range(dice.randrange(40)))
        data = bytearray(struct.pack("!HHI", dice.choice([1, 3, 0x16FE]), len(attributes), COOKIE) +
                         dice.randbytes(12) + attributes)
        for _ in range(dice.choice([0, 0, 1, 30])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        data = data[:dice.choice([len(data), len(data), dice.randrange(len(data))])]
        requests += is_request(bytes(data))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind(("", 10000 + number))
            one.connect((address, port))
            one.send(data)
    print(requests)


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


class Client:
    """A connection to the server. Once the server has sent its nonce, requests are signed."""

    def __init__(self, address):
        self.wire = socket.create_connection((address, 3478), 5)
        self.nonce = None

    def ask(self, method, *attributes):
        body = b"".join(attributes)
        if self.nonce:
            body += attribute(0x06, USER) + attribute(0x14, REALM) + attribute(0x15, self.nonce)
        transaction = random.randbytes(12)
        if self.nonce:  # MESSAGE-INTEGRITY, over a length that has it already
            head = struct.pack("!HHI", method, len(body) + 24, COOKIE) + transaction
            key = hashlib.md5(b":".join((USER, REALM, SECRET))).digest()
            body += attribute(0x08, hmac.new(key, head + body, hashlib.sha1).digest())
        self.wire.sendall(struct.pack("!HHI", method, len(body), COOKIE) + transaction + body)
        kind, found = self.answer()
        if kind == method | 0x110 and not self.nonce and 0x15 in found:
            self.nonce = found[0x15]
            return self.ask(method, *attributes)
        if kind != method | 0x100:
            sys.exit(f"method {method} was refused: {found.get(0x09)}")
        return found

    def answer(self):
        kind, length = struct.unpack("!HH", self.take(20)[:4])
        body, found = self.take(length), {}
        while len(body) >= 4:
            name, size = struct.unpack("!HH", body[:4])
            found[name] = body[4:4 + size]
            body = body[4 + (size + 3 & ~3):]
        return kind, found

    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.wire.recv(count - len(data))
            if not more:
                sys.exit("the server hung up")
            data += more
        return data


def relay(address, peer, port):
    mask = struct.pack("!I", COOKIE)
    place = struct.pack("!BBH", 0, 1, port ^ COOKIE >> 16) + bytes(
        one ^ other for one, other in zip(socket.inet_aton(peer), mask))
    control, data = Client(address), Client(address)
    relayed = control.ask(ALLOCATE, attribute(0x19, b"\x06\0\0\0"))[0x16]
    control.ask(PERMISSION, attribute(0x12, place))
    number = control.ask(CONNECT, attribute(0x12, place))[0x2A]
    data.nonce = control.nonce
    data.ask(BIND, attribute(0x2A, number))
    data.wire.sendall(b"matrix\n")
    print(struct.unpack("!H", relayed[2:4])[0] ^ COOKIE >> 16, data.take(7).decode().strip())


def main():
    what, *rest = sys.argv[1:]
    if what == "first":
        first(rest[0], rest[1], int(rest[2]), rest[3:])
    elif what == "garbled":
        garbled(rest[0], int(rest[1]), int(rest[2]))
    else:
        relay(rest[0], rest[1], int(rest[2]))


main()
