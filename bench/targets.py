#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the figures in FOLDER (what bench/report.py kept) against the targets: prints the table and
writes it to FOLDER/targets.md. Of verdicts the least counts, elsewhere the median.

usage: bench/targets.py FOLDER"""

import json
import pathlib
import statistics
import sys

MIB = 1 << 20


def targets(verdict, update, e2e):
    """What, its figure, the most it may be, unit."""
    def least(case, group="hot"):
        return min(verdict["cases"][group][case])

    def cpu(who, case):
        return statistics.median(e2e["cases"][case][who])

    def wall(who, content, state="idle"):
        return statistics.median(update["cases"][f"{content}, {state}"][who])

    def total(maps):
        return sum(maps.values()) / MIB

    yield "established, hot, to the floor program", least("tcp") / least("floor"), 1.25, "x"
    yield "established, hot, to xdp-filter", least("tcp") / least("xdp-filter"), 0.75, "x"
    flows = "flows-1M"
    yield "over 1M flows, to the floor program", least("tcp", flows) / least("floor", flows), 1.15, "x"
    yield "SYN to no service", least("no-service", "drop"), 15, "ns"
    yield ("SYN without a row, to xdp-filter",
           least("no-row", "drop") / least("xdp-filter", "drop"), 0.5, "x")
    flood = "SYN flood, no service"
    yield "SYN flood, to XDP drop", cpu("portmatrix", flood) / cpu("XDP drop", flood), 1.4, "x"
    yield ("SYN flood, to stateful nftables",
           cpu("portmatrix", flood) / cpu("nft, stateful", flood), 1 / 8, "x")
    for case in ("tcp", "no-row", "new"):
        yield (f"6 to 10,000 rows: {case}", least(case, "rows-10000") / least(case, "rows-6"), 1.1, "x")
    trie = "prefixes-100000"
    yield ("judged against 100k prefixes, to a kernel trie's look-up alone",
           least("no-row", trie) / least("lpm", trie), 1 / 5, "x")
    accept = "accept, 32k flows"
    yield ("accepted, 32k flows, to stateful nftables",
           cpu("portmatrix", accept) / cpu("nft, stateful", accept), 0.75, "x")
    yield "apply, 6 rows", wall("portmatrix", "rows-6"), 60, "ms"
    yield ("apply, 100k prefixes, to nft -f",
           wall("portmatrix", trie) / wall("nft", trie), 1 / 3, "x")
    yield "apply, 1M prefixes", wall("portmatrix", "prefixes-1000000"), 2000, "ms"
    read = next(cases for group, cases in update["cases"].items() if "flows read" in group)
    yield "1M flows listed", statistics.median(read["listed"]), 600, "ms"
    yield "a scrape with 1M live flows", statistics.median(read["scraped"]), 50, "ms"
    tables = {name: update["flows"]["memory"][name] for name in ("outside", "opening", "assured")}
    yield "memory of 1M flows", total(tables), 200, "MiB"
    yield ("memory of 1M prefixes, a slot",
           update["memory"]["1M prefixes"]["images"] / MIB / 3, 32, "MB")
    yield "memory of a six-row host", total(update["memory"]["six rows"]), 32, "MiB"


def main(folder):
    kept = {part: json.loads((folder / f"{part}.json").read_text())
            for part in ("verdict", "update", "e2e")}
    lines = ["| what | figure | target | |", "|---|--:|--:|---|"]
    for what, figure, most, unit in targets(**kept):
        digits = 2 if unit == "x" else 0
        met = "met" if round(figure, digits) <= round(most, digits) else "missed"
        lines.append(f"| {what} | {figure:,.{digits}f} {unit} | {most:,.{digits}f} {unit} | {met} |")
    (folder / "targets.md").write_text("# Targets\n\n" + "\n".join(lines) + "\n")
    print("\n" + "\n".join(lines))


main(pathlib.Path(sys.argv[1]))
