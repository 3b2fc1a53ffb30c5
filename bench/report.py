#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns what a benchmark measured into a table on stdout and, in FOLDER, PART.json (with all samples,
command, kernel, date), PART.md (the table) and PART.svg (its medians as bars).

usage: bench/report.py verdict|update|e2e RAW.json FOLDER"""

import datetime
import html
import json
import os
import pathlib
import platform
import statistics
import sys

TITLES = {
    "verdict": "What a verdict costs: ns a packet in the kernel's test run, above an empty program",
    "update": "What a change of policy costs: whole processes, milliseconds",
    "e2e": "What a packet costs the receiving host: ns of CPU time",
}
OURS = ("portmatrix", "tcp", "udp", "no-service", "no-row", "no-flow", "new")  # drawn in colour


def verdict_samples(raw):
    groups = {}
    for one in sorted(raw["benchmarks"], key=lambda one: one["family_index"]):  # they ran shuffled
        if one["run_type"] == "iteration":
            group, case = one["name"].split("/")[:2]
            groups.setdefault(group, {}).setdefault(case, []).append(one["real_time"])
    # The least that the test run itself took is nobody's cost.
    return {group: {case: [sample - min(cases["none"]) for sample in samples]
                    for case, samples in cases.items() if case != "none"}
            for group, cases in groups.items()}


def update_samples(raw):
    groups = {}
    for state in ("idle", "under traffic"):
        for content, peers in raw[state].items():
            groups[f"{content}, {state}"] = {who: [wall for wall, _ in samples]
                                             for who, samples in peers.items()}
            groups[f"{content}, {state}, CPU"] = {who: [cpu for _, cpu in samples]
                                                  for who, samples in peers.items()}
    flows = raw["flows"]
    groups[f"{flows['flows']:,} flows read"] = {
        "walked": flows["walk"], "listed": flows["list"], "flows --json": flows["print"],
        "told by IPFIX": flows["tell"], "scraped": flows["scrape"]}
    return groups


SAMPLES = {"verdict": verdict_samples, "update": update_samples, "e2e": lambda raw: raw}


def table(groups):
    """Ratios are to the first case of a group that is ours, of minima and of medians."""
    yield "| | case | min | median | max | min ÷ ours | median ÷ ours |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    for group, cases in groups.items():
        ours = next((samples for case, samples in cases.items() if case in OURS), None)
        for case, samples in cases.items():
            low, middle = min(samples), statistics.median(samples)
            ratios = ("", "")
            if ours and min(ours) > 0:
                ratios = (f"{low / min(ours):.2f}", f"{middle / statistics.median(ours):.2f}")
            yield (f"| {group} | {case} | {low:,.0f} | {middle:,.0f} | {max(samples):,.0f} "
                   f"| {ratios[0]} | {ratios[1]} |")


def chart(title, groups, note):
    """Bars of the medians, each group on a scale of its own; a line spans least and most."""
    left, width, line = 220, 420, 17
    rows = sum(len(cases) + 1 for cases in groups.values())
    height = rows * line + 60
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" '
           f'font-family="ui-sans-serif,Helvetica,Arial,sans-serif" font-size="12">')
    yield f'<rect width="760" height="{height}" rx="6" fill="#fff"/>'
    yield f'<text x="12" y="20" font-weight="bold">{html.escape(title)}</text>'
    yield f'<text x="12" y="36" fill="#666" font-size="10">{html.escape(note)}</text>'
    y = 44
    for group, cases in groups.items():
        y += line
        yield f'<text x="12" y="{y}" font-weight="bold">{html.escape(group)}</text>'
        most = max(statistics.median(samples) for samples in cases.values()) or 1
        for case, samples in cases.items():
            y += line
            middle = statistics.median(samples)
            size = max(middle, 0) / most * width
            low, high = (max(0, min(value / most, 1.2)) * width for value in (min(samples), max(samples)))
            colour = "#1f6feb" if case in OURS else "#9da7b3"
            yield f'<text x="{left - 8}" y="{y}" text-anchor="end">{html.escape(case)}</text>'
            yield f'<rect x="{left}" y="{y - 10}" width="{size:.0f}" height="11" fill="{colour}"/>'
            yield f'<path d="M{left + low:.0f} {y - 4}H{left + high:.0f}" stroke="#333" opacity=".5"/>'
            yield f'<text x="{left + max(size, high) + 6:.0f}" y="{y}">{middle:,.0f}</text>'
    yield "</svg>"


def processor():
    for line in open("/proc/cpuinfo", encoding="ascii"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def main(part, raw_file, folder):
    raw = json.loads(pathlib.Path(raw_file).read_text())
    groups = SAMPLES[part](raw)
    about = {"command": f"scripts/bench {part}", "kernel": platform.release(),
             "processor": f"{os.cpu_count()} x {processor()}",
             "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="minutes"),
             "load": os.getloadavg()[1]}
    if "context" in raw:  # Google Benchmark's own
        about |= {"date": raw["context"]["date"][:16], "load": raw["context"]["load_avg"][1]}
    note = (f"{about['command']}, Linux {about['kernel']}, {about['processor']}, {about['date']}, "
            f"load {about['load']:.1f}")
    lines = list(table(groups))
    kept = {key: raw[key] for key in ("switch", "memory", "flows") if key in raw} | {"cases": groups}
    (folder / f"{part}.json").write_text(json.dumps(about | kept, indent=1) + "\n")
    (folder / f"{part}.md").write_text("\n".join(["# " + TITLES[part], "", note, "", *lines, ""]))
    shown = {group: cases for group, cases in groups.items() if not group.endswith("CPU")}
    (folder / f"{part}.svg").write_text("\n".join(chart(TITLES[part], shown, note)) + "\n")
    print(f"\n{TITLES[part]}\n{note}\n" + "\n".join(lines))


main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
