#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a page as a reader would, and compares what they say: pages.py PAGE...

A block that begins with ```console has commands, each behind "# ", and below each what it says.
"…" stands for any text within a line, a line of "…" alone for any lines. A block may say less than the
command only by these. What the page does not show, such as packets of others, stands in a comment
before the block:

  <!-- lab: COMMAND -->

Commands run in the Edge of the lab in $LAB, with the functions of lab.sh; /etc/portmatrix is the folder
etc of the lab. Exits 1 with the first block that differs. With PM_UPDATE_GOLDEN=1 the page is
rewritten instead: lines that fit stay as they are.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ETC, LAB_ETC = "/etc/portmatrix", os.environ["LAB"] + "/etc"
PRELUDE = f"set -e; . {HERE}/lab.sh; lab_use; . {HERE}/everyday.sh; "


def run(command, name):
    """Its output, as a reader sees it; `name`: in which namespace, empty: in none."""
    text = PRELUDE + (command if not name else f"in_ns {name} bash -c {quoted(command)}")
    with tempfile.TemporaryFile("w+") as said:  # a pipe would wait for what goes on in the background
        done = subprocess.run(["bash", "-c", text.replace(ETC, LAB_ETC)], stdin=subprocess.DEVNULL,
                              stdout=said, stderr=subprocess.STDOUT, timeout=120)
        said.seek(0)
        return said.read().replace(LAB_ETC, ETC), done.returncode


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def pattern(lines):
    """A regular expression for the lines of a block."""
    parts = [r"(?:.*\n)*" if line.strip() == "…" else
             ".*".join(re.escape(part) for part in line.split("…")) + r"\n" for line in lines]
    return "".join(parts)


def merged(wanted, said):
    """What was said, with the lines of before where they fit."""
    if re.fullmatch(pattern(wanted), said):
        return wanted
    return [next((old for old in wanted if old.strip() != "…" and re.fullmatch(pattern([old]), line + "\n")),
                 line) for line in said.splitlines()]


def each_step(lines):
    """("lab", command) and ("reader", command, first line, line behind the last)."""
    inside = False
    at = 0
    while at < len(lines):
        line = lines[at]
        if hidden := re.fullmatch(r"<!-- lab: (.*) -->", line):
            yield "lab", hidden[1], at, at
        elif line.startswith("```"):
            inside = line == "```console"
        elif inside and line.startswith("# "):
            command, end = line[2:], at + 1
            while command.endswith("\\"):
                command, end = command[:-1] + lines[end].lstrip(), end + 1
            last = end
            while not lines[last].startswith(("# ", "```")):
                last += 1
            yield "reader", command, end, last
            at = last - 1
        at += 1


def play(page):
    lines = page.read_text().splitlines()
    out, written, count = [], 0, 0
    for who, command, first, last in each_step(lines):
        said, status = run(command, "edge" if who == "reader" else "")
        if who == "lab":
            if status != 0:
                sys.exit(f"{page.name}:{first + 1}: {command}: exit {status}\n{said}")
            continue
        count += 1
        wanted = lines[first:last]
        if "PM_UPDATE_GOLDEN" in os.environ:
            out += lines[written:first] + merged(wanted, said)
            written = last
        elif not re.fullmatch(pattern(wanted), said):
            sys.exit(f"{page.name}:{first}: {command}\nsays:\n{said}\nand not:\n" + "\n".join(wanted))
    if written:
        page.write_text("\n".join(out + lines[written:]) + "\n")
    print(f"# {page.name}: {count} commands")


for page in sys.argv[1:]:
    play(Path(page))
