#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Well-formed and broken SIP for a real proxy.

  sip.py options udp|tls ADDRESS URI         OPTIONS for URI; prints the answer's first line
  sip.py garbled udp ADDRESS COUNT           mutilated requests, each from a port of its own;
                                             prints how many look like SIP at their first byte
  sip.py garbled tls ADDRESS COUNT           the same, each in a TLS session of its own
  sip.py garbled tcp ADDRESS COUNT           the same without TLS on its port; prints how many
                                             connections were answered

TLS shows the certificate in $SIP_CERTIFICATE, with the key in $SIP_KEY."""

import os
import random
import socket
import ssl
import sys

PORT = {"udp": 5060, "tcp": 5061, "tls": 5061}
DICE = random.Random(5061)


def connect(transport, address, timeout=3.0, source=0):
    if transport == "udp":
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("", source))
        one.settimeout(timeout)
        one.connect((address, PORT["udp"]))
        return one
    one = socket.create_connection((address, PORT[transport]), timeout)
    if transport == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(os.environ["SIP_CERTIFICATE"], os.environ["SIP_KEY"])
        one = context.wrap_socket(one)
    return one


def request(method, uri, transport, own, body=b""):
    name = f"{own[0]}:{own[1]}"
    return (f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport.upper()} {name};branch=z9hG4bK{DICE.getrandbits(60):x};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:test@{name}>;tag={DICE.getrandbits(40):x}\r\n"
            f"To: <{uri}>\r\nCall-ID: {DICE.getrandbits(60):x}\r\nCSeq: 1 {method}\r\n"
            f"Contact: <sip:test@{name}>\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def replace_value(data):
    """Replaces the value of one header by something that parsers do not expect."""
    lines = data.split(b"\r\n")
    at = DICE.randrange(1, len(lines) - 2)
    name = lines[at].split(b":")[0]
    lines[at] = name + b": " + DICE.choice([
        b"", b"-1", b"4294967296", b"99999999999999999999", b"\0" * 20, b"<" * 300, b"%n%s%x" * 20,
        b"\"" * 99, b";" * 500, b"sip:[::" + b"1" * 400, b"\xff\xfe\xc0\x80", b"a" * 20000])
    return b"\r\n".join(lines)


def flip_bytes(data):
    data = bytearray(data)
    for _ in range(DICE.randrange(1, 40)):
        data[DICE.randrange(1, len(data))] = DICE.randrange(256)
    return bytes(data)


MUTILATIONS = [
    replace_value,
    flip_bytes,
    lambda data: data[:DICE.randrange(1, len(data))],
    lambda data: data.replace(b"\r\n", DICE.choice([b"\n", b"\r", b"\r\n ", b"\0"])),
    lambda data: data[:-2] + b"X-Pad: " + b"y" * DICE.randrange(60000) + b"\r\n\r\n",
    lambda data: data[:-2] + b"Via: SIP/2.0/UDP 192.0.2.1\r\n" * DICE.randrange(800) + b"\r\n",
    lambda data: data.replace(b"SIP/2.0", DICE.choice([b"SIP/9.9", b"HTTP/1.1", b"", b"SIP/2.0" * 90])),
    lambda data: b"\r\n" * DICE.randrange(1, 200) + data,
    # These do not begin like SIP.
    lambda data: bytes([DICE.randrange(0x80, 0x100)]) + DICE.randbytes(DICE.randrange(1, 1400)),
    lambda data: data[:1].lower() + data[1:],
    lambda data: b" " + data,
]


def garbled(transport, own):
    method = DICE.choice(["INVITE", "OPTIONS", "REGISTER", "ACK", "BYE", "CANCEL", "NOTIFY"])
    data = request(method, "sip:edge@203.0.113.10", transport, own, DICE.randbytes(DICE.randrange(99)))
    return DICE.choice(MUTILATIONS)(data)[:65000]


def send_garbled(transport, address, count):
    """How many of them begin as SIP does, and how many were answered."""
    like_sip = answered = 0
    for number in range(count):
        one = connect(transport, address, 0.2 if transport == "tcp" else 3.0, 10000 + number)
        data = garbled(transport, one.getsockname())
        like_sip += data[:1].isalpha() and data[:1].isupper() or data[:1] in b"\r\n"
        try:
            one.sendall(data)
            if transport == "tcp":
                answered += bool(one.recv(1))
        except OSError:
            pass
        one.close()
    return like_sip, answered


def main():
    what, transport, address, last = sys.argv[1:]
    if what == "options":
        one = connect(transport, address)
        one.sendall(request("OPTIONS", last, transport, one.getsockname()))
        print(one.recv(65535).split(b"\r\n")[0].decode())
    else:
        like_sip, answered = send_garbled(transport, address, int(last))
        print(answered if transport == "tcp" else like_sip)


main()
