#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a change of policy costs: whole processes, portmatrix and nft with the same content in turn,
idle and while packets come in; the switch itself; a dump of a million flows, their records at a
collector, and scrapes of them; the maps' memory.

usage: bench/update.py TOOLS OBJECTS CONTENT ROUNDS OUTPUT.json"""

import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

from e2e import HOST, PORTMATRIX, Lab, Receiver, run

CONTENTS = ("rows-6", "rows-100", "rows-1000", "rows-10000", "prefixes-10000", "prefixes-100000",
            "prefixes-1000000")
SLOW = "prefixes-1000000"  # nft takes a minute or more for it: once
FLOWS = 1 << 20


def timed(receiver, *words, **options):
    """Wall and CPU milliseconds of a process, nsenter's own (1 or 2) in them."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    output = receiver.inside(*words, **options)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall * 1e3, cpu * 1e3, output


class Host:
    """A receiver that portmatrix filters."""

    def __init__(self, lab, number, content, flows=None):
        self.receiver = Receiver(lab, number, "portmatrix")
        self.content, self.folder = content, lab.folder / f"host-{number}"
        self.pins = lab.folder / f"bpf/host-{number}"
        self.environment = {**os.environ, "PORTMATRIX_PIN_DIR": str(self.pins),
                            "PORTMATRIX_STATE_DIR": str(self.folder / "state"),
                            "PORTMATRIX_RUN_DIR": str(self.folder / "run")}
        policy = content / "rows-6.yaml"
        if flows:
            text = policy.read_text() + f"flow-capacity: {flows}\n"
            policy = lab.folder / f"flows-{flows}.yaml"
            policy.write_text(text)
        self.run(PORTMATRIX, "apply", "-i", self.receiver.device, policy)

    def run(self, *words):
        return timed(self.receiver, *words, env=self.environment)

    def apply(self, name):
        return self.run(PORTMATRIX, "apply", self.content / f"{name}.yaml")

    def memory(self):
        """Bytes of each map, as the kernel charges them."""
        maps = {}
        for path in [*self.pins.iterdir(), self.pins / "interface-0/rows"]:
            shown = subprocess.run(["bpftool", "-j", "map", "show", "pinned", str(path)],
                                   capture_output=True, text=True).stdout
            if shown and "bytes_memlock" in shown:
                maps[path.name] = int(json.loads(shown)["bytes_memlock"])
        return maps


def measure_applies(lab, tools, objects, content, rounds):
    results = {}
    host = Host(lab, 1, content)
    peer = Receiver(lab, 2, "nft")

    def note(state, name, who, taken):
        results.setdefault(state, {}).setdefault(name, {}).setdefault(who, []).append(taken[:2])

    # Never what is in force already: that would change nothing. The host begins with rows-6.
    for count in range(rounds):
        for name in (*CONTENTS[1:], CONTENTS[0]):
            note("idle", name, "portmatrix", host.apply(name))
            if name != SLOW or count == 0:
                note("idle", name, "nft", timed(peer, "nft", "-f", content / f"{name}.nft"))
    for count in range(rounds):
        for name in ("prefixes-100000", "rows-6"):
            for who, receiver in (("portmatrix", host.receiver), ("nft", peer)):
                sender = subprocess.Popen(
                    ["nsenter", f"--net=/run/netns/{lab.sender}", "taskset", "-c", "0",
                     tools / "pm_generate", objects / "generate.bpf.o", receiver.peer,
                     receiver.mac, HOST, "udp", "9", "1024", "60000"])
                note("under traffic", name, who,
                     host.apply(name) if who == "portmatrix" else
                     timed(peer, "nft", "-f", content / f"{name}.nft"))
                sender.kill()
                sender.wait()
    switch = host.run(tools / "pm_tables", "switch")[2].split()
    results["switch"] = {"median": float(switch[0]), "largest": float(switch[1])}
    return results


def measure_flows(lab, tools, content, rounds):
    host = Host(lab, 3, content, FLOWS)
    count = FLOWS * 9 // 10
    with Exporter(lab, host) as exporter:
        host.run(tools / "pm_tables", "fill", count)
        told, scrapes = exporter.tells(count), exporter.scrapes(rounds)
        records = exporter.records()
    flows = host.run(PORTMATRIX, "apply", content / "rows-6.yaml")  # they outlive a policy
    walks = [host.run(tools / "pm_tables", "walk")[2].split() for _ in range(rounds)]
    lists = [host.run(tools / "pm_tables", "list")[2].split() for _ in range(min(rounds, 3))]
    printed = [host.run("sh", "-c", f"{PORTMATRIX} flows --json >/dev/null")[0] for _ in lists]
    return {"flows": int(walks[0][0]), "walk": [float(walk[1]) for walk in walks],
            "list": [float(one[1]) for one in lists], "print": printed, "tell": [told],
            "records": records, "scrape": scrapes, "apply": flows[:2], "memory": host.memory()}


class Exporter:
    """An exporter of a host's flows, and nfcapd that collects its records."""

    def __init__(self, lab, host):
        self.host, self.files = host, lab.folder / "nfcapd"
        self.files.mkdir()

    def __enter__(self):
        self.collector = self.start("nfcapd", "-b", "127.0.0.1", "-p", "4739", "-w", self.files, "-t", "3600")
        self.exporter = self.start(PORTMATRIX, "export", "--listen", "127.0.0.1:9927", "--interval", "2s",
                                   "--active-timeout", "1s", "--ipfix", "127.0.0.1:4739")
        self.wait_for("portmatrix_flow_walk_timestamp_seconds", 1)
        time.sleep(2)  # what begins before its first look is not told as new
        return self

    def __exit__(self, *_):
        for process in (self.exporter, self.collector):
            process.kill()
            process.wait()

    def start(self, *words):
        return subprocess.Popen(
            [str(word) for word in ("nsenter", f"--net=/run/netns/{self.host.receiver.space}", *words)],
            env=self.host.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def page(self, *options):
        return self.host.receiver.inside(
            "curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", *options,
            "http://127.0.0.1:9927/metrics")

    def metric(self, name):
        return next(float(line.split()[-1]) for line in self.page().splitlines()
                    if line.startswith((name + " ", name + "{")))

    def wait_for(self, name, least):
        end = time.monotonic() + 60
        while self.metric(name) < least:
            if time.monotonic() > end:
                raise RuntimeError(f"{name} stays under {least}")
            time.sleep(0.3)

    def tells(self, count):
        """Milliseconds of the walk that tells as many flows for the first time."""
        self.wait_for("portmatrix_flow_records_total", count)
        return self.metric("portmatrix_flow_walk_duration_seconds") * 1e3

    def scrapes(self, rounds):
        """Milliseconds of each."""
        self.wait_for("portmatrix_flows", FLOWS / 2)
        taken = []
        for _ in range(rounds):
            time.sleep(0.3)  # what is younger than 200 ms is given again
            taken.append(float(self.page("-o", "/dev/null", "-w", "%{time_total}")) * 1e3)
        return taken

    def records(self):
        """How many the collector has."""
        self.collector.terminate()
        self.collector.wait()
        summary = run("nfdump", "-R", self.files, "-I")
        return next(int(line.split()[1]) for line in summary.splitlines() if line.startswith("Flows:"))


def measure_memory(lab, content):
    host = Host(lab, 4, content)
    small = host.memory()
    host.apply(SLOW)
    return {"six rows": small, "1M prefixes": host.memory()}


def main(tools, objects, content, rounds, output):
    with Lab() as lab:
        results = measure_applies(lab, tools, objects, content, rounds)
        results["flows"] = measure_flows(lab, tools, content, rounds)
        results["memory"] = measure_memory(lab, content)
    pathlib.Path(output).write_text(json.dumps(results))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]),
         int(sys.argv[4]), sys.argv[5])
