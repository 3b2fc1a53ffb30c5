#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if the standard input is no UTF-8, or has a character that a terminal may take as a command."""
import sys

data = sys.stdin.buffer.read()
try:
    text = data.decode("utf-8")
except UnicodeDecodeError as error:
    sys.exit(f"no UTF-8: {data[max(0, error.start - 40):error.end + 20]!r}")
for at, one in enumerate(text):
    code = ord(one)
    if (code < 0x20 and one not in "\n\t") or 0x7f <= code < 0xa0 or 0x202a <= code <= 0x202e:
        sys.exit(f"a control character: {text[max(0, at - 40):at + 20]!r}")
if len(sys.argv) > 1 and not text.strip():
    sys.exit("nothing was printed")
