#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the same filter twice, as a policy of portmatrix and as a ruleset of nft, so that both are
measured with the same content: bench/content.py FOLDER

rows-N.yaml has N rows, the last six are the matrix that the packets of the benchmarks meet;
prefixes-N.yaml has these six, and one of them admits N random IPv4 prefixes. Beside each lies the
ruleset: an interval set of ports or of prefixes, a stateful chain, a counter each."""

import pathlib
import random
import sys

ROWS = (6, 100, 1000, 10000)
PREFIXES = (100, 10_000, 100_000, 1_000_000)
HOST = ("203.0.113.10", "2001:db8:10::10")
PARTNERS = ("198.51.100.0/24", "2001:db8:20::/48")
MATRIX = (  # id, transport, port, who
    ("https-in", "tcp", "443", "everyone"),
    ("sip-tls-in", "tcp", "5061", "everyone"),
    ("xmpp-in", "tcp", "5269", "partners"),
    ("media-tcp-in", "tcp", "50000-59999", "everyone"),
    ("stun-in", "udp", "3478", "everyone"),
    ("media-in", "udp", "50000-59999", "everyone"),
)
FILLER = 10000  # the first port of the rows that only fill


def prefixes(count):
    """Random ones of /24 and longer, each in a /24 of its own, so that none overlap."""
    source = random.Random(count)
    for block in source.sample(range(0x100000, 0x7f0000), count):
        length = source.choice((24, 26, 28, 30, 32, 32))
        last = source.randrange(256) & (0xff << 32 - length)
        yield f"{block >> 16}.{block >> 8 & 255}.{block & 255}.{last}/{length}"


def policy(rows, partners):
    yield "policy: bench"
    yield "edge: {host: [%s]}" % ", ".join(f'"{address}"' for address in HOST)
    yield "peers: {everyone: any, partners: %s}" % partners
    yield "matrix:"
    for number in range(rows - len(MATRIX)):
        who = "everyone" if number % 2 else "partners"
        yield (f"  - {{id: filler-{number}, transport: tcp, source: {who}, destination: host, "
               f'port: {FILLER + number}}}')
    for row, transport, port, who in MATRIX:
        yield (f"  - {{id: {row}, transport: {transport}, source: {who}, destination: host, "
               f"port: {port}}}")


def ruleset(rows, partners):
    fillers = [FILLER + number for number in range(rows - len(MATRIX))]
    yield "table inet bench"
    yield "delete table inet bench"
    yield "table inet bench {"
    yield "set partners { type ipv4_addr; flags interval; elements = { %s } }" % ", ".join(partners)
    for name, ports in (("all", fillers[1::2]), ("some", fillers[0::2])):
        elements = "elements = { %s }" % ", ".join(map(str, ports)) if ports else ""
        yield f"set filler_{name} {{ type inet_service; flags interval; {elements} }}"
    yield "chain input { type filter hook input priority 0; policy drop;"
    yield "ct state established,related counter accept"
    yield "tcp dport @filler_all counter accept"
    yield "ip saddr @partners tcp dport @filler_some counter accept"
    for _, transport, port, who in MATRIX:
        yield f"{'ip saddr @partners ' if who == 'partners' else ''}{transport} dport {port} counter accept"
    yield "counter\n}\n}"


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")


def main(folder):
    for rows in ROWS:
        few = "[%s]" % ", ".join(f'"{prefix}"' for prefix in PARTNERS)
        write(folder / f"rows-{rows}.yaml", policy(rows, few))
        write(folder / f"rows-{rows}.nft", ruleset(rows, PARTNERS[:1]))
    for count in PREFIXES:
        listed = list(prefixes(count))
        write(folder / f"prefixes-{count}.txt", listed)
        write(folder / f"prefixes-{count}.yaml", policy(6, "{file: prefixes-%d.txt}" % count))
        write(folder / f"prefixes-{count}.nft", ruleset(6, listed))


main(pathlib.Path(sys.argv[1]))
