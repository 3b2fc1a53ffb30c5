#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what the exporter says with `portmatrix status --json`:

  metrics.py equal STATUS METRICS       each figure of the status is in the metrics, and the same
  metrics.py get METRICS NAME [LABEL=VALUE]...   the one sample with these labels
  metrics.py query STATUS PROMETHEUS    the same figures, asked of a Prometheus (its URL)
"""

import json
import re
import sys
import urllib.parse
import urllib.request

SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-z0-9_]+)="((?:[^"\\]|\\.)*)"')


def read_metrics(path):
    """{(name, frozenset of labels): value}"""
    samples = {}
    for line in open(path, encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            name, labels, value = SAMPLE.match(line.strip()).groups()
            samples[name, frozenset(LABEL.findall(labels or ""))] = float(value)
    return samples


def expected(path):
    """The metrics that a status asks for, in the same form."""
    for line in open(path, encoding="utf-8"):
        status = json.loads(line)
        interface = ("interface", status["interface"])
        for row in status["rows"]:
            of_row = {interface, ("row", row["id"])}
            for direction in "in", "out":
                labels = frozenset(of_row | {("direction", direction)})
                yield "portmatrix_row_packets_total", labels, row["packets_" + direction]
                yield "portmatrix_row_bytes_total", labels, row["bytes_" + direction]
            yield "portmatrix_row_flows_total", frozenset(of_row), row["flows_total"]
        for key, names in (("drops", {"packets": "dropped_packets", "bytes": "dropped_bytes"}),
                           ("would_drop", {"packets": "would_drop_packets"})):
            for drop in status[key]:
                labels = frozenset({interface, ("direction", drop["direction"]),
                                    ("reason", drop["reason"])})
                for field, name in names.items():
                    yield f"portmatrix_{name}_total", labels, drop[field]
        for hook in "ingress", "egress":
            labels = frozenset({interface, ("hook", hook)})
            yield "portmatrix_attached", labels, 1 if status[hook] and status["mode"] != "off" else 0
        policy = status["policy"]
        yield "portmatrix_policy_generation", frozenset(), policy["generation"]
        yield "portmatrix_policy_info", frozenset({
            ("policy", policy["name"]), ("sha256", policy["sha256"]),
            ("matrix_sha256", policy["matrix_sha256"]), ("mode", status["mode"])}), 1
        yield "portmatrix_flow_capacity", frozenset(), status["flows"]["capacity"]


def ask(url, name):
    """The samples of a metric in a Prometheus, without the labels that it adds."""
    query = urllib.parse.urlencode({"query": name})
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}") as answer:
        for one in json.load(answer)["data"]["result"]:
            labels = {(key, value) for key, value in one["metric"].items()
                      if key not in ("__name__", "job", "instance")}
            yield frozenset(labels), float(one["value"][1])


def equal(status, metrics):
    count, differences = 0, []
    watched = metrics.get(("portmatrix_watch_up", frozenset())) == 1
    for name, labels, value in expected(status):
        count += 1
        if name == "portmatrix_attached" and not watched:
            value = 0  # nobody looks
        if metrics.get((name, labels)) != value:
            differences.append(f"{name}{dict(labels)}: {metrics.get((name, labels))}, not {value}")
    if differences or count < 50:
        sys.exit("\n".join(differences[:20]) or f"only {count} figures")
    print(f"# {count} figures are the same")


command, *arguments = sys.argv[1:]
if command == "equal":
    equal(arguments[0], read_metrics(arguments[1]))
elif command == "query":
    names = {name for name, *_ in expected(arguments[0])} | {"portmatrix_watch_up"}
    equal(arguments[0], {(name, labels): value for name in names
                         for labels, value in ask(arguments[1], name)})
elif command == "get":
    want = {tuple(one.split("=", 1)) for one in arguments[2:]}
    found = [value for (name, labels), value in read_metrics(arguments[0]).items()
             if name == arguments[1] and want <= labels]
    if len(found) != 1:
        sys.exit(f"{len(found)} samples of {arguments[1]}")
    print(int(found[0]) if found[0].is_integer() else found[0])
