#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the figures of each row of a table as different sources have them, in one form for comparison:

  rows.py wire TABLE CAPTURE EDGE-ADDRESS...   a capture at the Edge's wire (tcpdump -w)
  rows.py nfdump TABLE RECORDS                 what a collector has, as nfdump's JSON
  rows.py flows FLOWS                          `portmatrix flows --json`
  rows.py status STATUS                        `portmatrix status --json`

Each prints lines "ROW PACKETS-IN BYTES-IN PACKETS-OUT BYTES-OUT FLOWS", sorted by row. Bytes are of IP
packets. Flows are "-" for echoes, which a capture and a collector can only tell apart by time.

Lines of a TABLE begin with "ROW WAY TRANSPORT EDGE-PORT PEER-PORT": the way is that of who begins, a port
is a number, a range or - for any. Of several lines that fit the first counts."""

import collections
import ipaddress
import json
import struct
import sys

PROTOCOLS = {"icmp": (1, 58), "tcp": (6,), "udp": (17,)}
ECHO, ECHO_REQUEST = {0, 8, 128, 129}, {8, 128}
FRAGMENT = 44


class Row:
    def __init__(self, line):
        self.name, self.way, transport, *ports = line.split()[:5]
        self.protocols = PROTOCOLS[transport]
        self.ports = [(0, 65535) if port == "-" else tuple(map(int, (port.split("-") * 2)[:2]))
                      for port in ports]

    def has(self, way, protocol, ports):
        """`way` is None if it is not known."""
        return (protocol in self.protocols and way in (None, self.way) and
                all(low <= port <= high for port, (low, high) in zip(ports, self.ports)))


class Sums:
    """By row. What belongs to no row is left out."""

    def __init__(self, rows=()):
        self.rows = rows
        self.counts = collections.defaultdict(lambda: [0, 0, 0, 0])
        self.flows = collections.defaultdict(set)

    def row_of(self, way, protocol, ports):
        return next((row.name for row in self.rows if row.has(way, protocol, ports)), None)

    def add(self, row, flow, *counts):
        if row:
            self.counts[row] = [sum(pair) for pair in zip(self.counts[row], counts)]
            self.flows[row].add(flow)

    def print(self):
        echoes = {row.name for row in self.rows if row.protocols == PROTOCOLS["icmp"]}
        for row, counts in sorted(self.counts.items()):
            print(row, *counts, "-" if row in echoes else len(self.flows[row]))


def packets(path):
    """The IP packets of a capture, without those that are not written whole yet."""
    data = open(path, "rb").read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + length]
        at += 16 + length
        if at <= len(data) and frame[12:14] in (b"\x08\x00", b"\x86\xdd"):
            yield frame[14:]


def dissect(packet):
    """Source, destination, protocol, bytes, payload, (offset in a datagram, its id)."""
    if packet[0] >> 4 == 4:
        length, number, fragment = struct.unpack_from(">HHH", packet, 2)
        return (packet[12:16], packet[16:20], packet[9], length, packet[(packet[0] & 15) * 4:],
                (fragment & 0x1fff, number))
    length, protocol, payload, place = struct.unpack_from(">H", packet, 4)[0] + 40, packet[6], 40, (0, 0)
    if protocol == FRAGMENT:
        place = struct.unpack_from(">H", packet, 42)[0] >> 3, struct.unpack_from(">I", packet, 44)[0]
        protocol, payload = packet[40], 48
    return packet[8:24], packet[24:40], protocol, length, packet[payload:], place


def wire(table, path, *edge):
    sums = Sums(table)
    edge = {ipaddress.ip_address(one).packed for one in edge}
    firsts = {}  # a later fragment is of the row of its first
    for packet in packets(path):
        source, destination, protocol, length, payload, (offset, number) = dissect(packet)
        comes_in = destination in edge
        peer, way = source if comes_in else destination, None
        if offset == 0 and protocol in PROTOCOLS["icmp"]:
            if payload[0] not in ECHO:
                continue
            ports = [0, 0]
            way = "in" if comes_in == (payload[0] in ECHO_REQUEST) else "out"
        elif offset == 0:
            ports = list(struct.unpack_from(">HH", payload))[::-1 if comes_in else 1]
        if offset == 0:
            firsts[source, destination, protocol, number] = way, ports
        way, ports = firsts[source, destination, protocol, number]
        counts = (1, length, 0, 0) if comes_in else (0, 0, 1, length)
        sums.add(sums.row_of(way, protocol, ports), (peer, *ports), *counts)
    return sums


def nfdump(table, path):
    sums = Sums(table)
    for record in json.load(open(path, encoding="utf-8")):
        opener = [record.get("in_packets", 0), record.get("in_bytes", 0)]
        other = [record.get("out_packets", 0), record.get("out_bytes", 0)]
        ports = [record.get("src_port", 0), record.get("dst_port", 0)]
        ends = [record.get(end + version) for end in ("src", "dst") for version in ("4_addr", "6_addr")]
        way = "in" if record["direction"] == 0 else "out"
        row = sums.row_of(way, record["proto"], ports if way == "out" else ports[::-1])
        sums.add(row, (*ends, *ports), *(opener + other if way == "in" else other + opener))
    return sums


FIELDS = ("packets_in", "bytes_in", "packets_out", "bytes_out")


def flows(path):
    sums = Sums()
    for number, line in enumerate(open(path, encoding="utf-8")):
        flow = json.loads(line)
        sums.add(flow["row"], number, *(flow[field] for field in FIELDS))
    return sums


def status(path):
    for row in sorted(json.load(open(path, encoding="utf-8"))["rows"], key=lambda row: row["id"]):
        counts = [row[field] for field in FIELDS]
        if row["direction"] and any(counts):  # essentials have no direction
            print(row["id"], *counts, row["flows_total"])


def main():
    what, *arguments = sys.argv[1:]
    if what in ("wire", "nfdump"):
        table = [Row(line) for line in open(arguments[0], encoding="utf-8")]
        {"wire": wire, "nfdump": nfdump}[what](table, *arguments[1:]).print()
    elif what == "flows":
        flows(*arguments).print()
    else:
        status(*arguments)


main()
