#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A journal of the test's own: journal.py SOCKET FILE

Takes entries by the journal's native protocol and appends each to FILE as `journalctl -o json` prints it.
Ends with the entry that ends a minute of the drop log.
"""

import json
import os
import socket
import struct
import sys


def fields(entry):
    """Of a datagram: KEY=value lines, or KEY, a length and that many bytes."""
    found = {}
    while entry:
        line, _, rest = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = struct.unpack("<Q", rest[:8])[0]
            value, rest = rest[8:8 + size], rest[9 + size:]
        found[name.decode()] = value.decode()
        entry = rest
    return found


path, file = sys.argv[1:]
own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
own.bind(path + ".new")
os.rename(path + ".new", path)  # whoever sees it can write to it
while True:
    entry = fields(own.recv(1 << 18))
    with open(file, "a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\n")
    if entry.get("PORTMATRIX_EVENT") == "minute":
        break
