#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many boots of a host in one guest, under packets all through: no moment is open on a card of the
confirmed policy, and `status --json` tells the truth each time.

tests/vm/boots.py [--boots N] [--seed S] [--only KIND] KERNEL

A boot, without a reboot: watch ends, the cards' drivers let go of them, the pins, the run folder and the
nftables are taken away as by a power-off; the state folder stays. Then cards come, by other
names, or not, `portmatrix restore` runs, `portmatrix watch` begins, the cards are set up; late ones
come, absent ones come back. The cards are QEMU's: real devices with a bus parent. Half of the boots refuse
bpf(2), or one command of it, to the program.

KERNEL is a folder that tests/vm/kernel printed. A failure prints its seed: --boots 1 --seed S --only KIND
runs that boot again. PM_REPORT=FILE gets the figures as JSON. Last line: N passed, N failed, N skipped."""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import boot_kinds
from boot import Boot
from guest import Guest, GuestFault, end_process
from wire import Wire, Wires

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MACS = {name: f"52:54:00:00:01:0{name}" for name in "abcd"}


class Session:
    """The guest in which the boots happen."""

    def __init__(self, folder, kernel, wires, seconds):
        self.wires, self.macs = wires, MACS
        self.guest = Guest(folder)
        arguments = self.guest.arguments()
        for wire in wires:
            arguments += wire.arguments()
            arguments += ["-device", f"virtio-net-pci,netdev={wire.name},mac={wire.mac},romfile="]
        command = [os.path.join(HERE, "run"), "-t", str(seconds)]
        for one in arguments:
            command += ["-q", one]
        path = f"{ROOT}/build/release:{os.environ['PATH']}"
        # A group of its own, which ends as one.
        self.process = subprocess.Popen(
            [*command, kernel, "python3", os.path.join(HERE, "agent.py")], cwd=ROOT,
            env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def __enter__(self):
        try:
            self.guest.connect(self.process, 120)
            for module in ("virtio_net", "veth", "bonding", "8021q", "nf_tables"):
                self.guest.must("modprobe", module)
            self.find_cards()
        except BaseException:
            self.__exit__()
            raise
        return self

    def find_cards(self):
        """Which virtio device has which hardware address."""
        self.virtio = {}
        for one in self.guest.do("devices"):
            for card, mac in MACS.items():
                if one["address"] == mac:
                    self.virtio[card] = one["parent"]
        if len(self.virtio) != len(MACS):
            raise GuestFault(f"cards: {self.virtio}")

    def __exit__(self, *_):
        try:
            if self.guest.line and self.process.poll() is None:
                self.guest.do("finish", patience=10)
                self.process.wait(30)
        except (GuestFault, OSError, subprocess.TimeoutExpired):
            pass
        if self.process.poll() is None:
            os.killpg(self.process.pid, 15)
            end_process(self.process)
        self.guest.close()


def plan(boots, seed, only):
    """The kinds in turn, each boot with a seed of its own."""
    kinds = [only] if only else list(boot_kinds.KINDS)
    return [(kinds[number % len(kinds)], seed + number) for number in range(boots)]


def run_boot(session, kind, seed):
    boot = Boot(session, kind, seed, random.Random(f"{kind} {seed}"))
    begin = time.monotonic()
    try:
        boot_kinds.KINDS[kind](boot)
    except (GuestFault, subprocess.SubprocessError, KeyError, OSError) as fault:
        boot.failed.append(f"{type(fault).__name__}: {fault}")
    finally:
        boot.finish()
    boot.report["seconds"] = round(time.monotonic() - begin, 1)
    return boot


def tell(boot):
    report = boot.report
    what = f"{report['kind']} seed {report['seed']}: {boot.layout}, {report['programs']}"
    print(f"{'FAIL' if boot.failed else 'ok  '} {what}, {report['seconds']} s", flush=True)
    for text in boot.failed:
        print(f"        {text}", flush=True)
    if boot.failed:
        print("        " + "; ".join(boot.steps), flush=True)


def summary(reports, begin):
    gaps = [gap for one in reports for gap in one["gaps"]]
    return {
        "boots": len(reports),
        "failed": sum(bool(one["failed"]) for one in reports),
        "by_kind": dict(collections.Counter(one["kind"] for one in reports)),
        "by_programs": dict(collections.Counter(one["programs"] for one in reports)),
        "frames_judged": dict(sum((collections.Counter(one["frames"]) for one in reports),
                                  collections.Counter())),
        "forbidden": sum(one["forbidden"] for one in reports),
        "late_without_udev_seconds": {"times": len(gaps), "most": max(gaps, default=0),
                                      "mean": round(sum(gaps) / len(gaps), 3) if gaps else 0},
        "seconds": round(time.monotonic() - begin),
        "failures": [one for one in reports if one["failed"]],
    }  # fmt: skip


def main():
    reader = argparse.ArgumentParser(description="boots of a host in one guest, under packets")
    reader.add_argument("--boots", type=int, default=200)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--only", choices=list(boot_kinds.KINDS))
    reader.add_argument("kernel")
    given = reader.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    begin, reports = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="pm-boots.", dir="/var/tmp") as folder, Wires(
        [Wire(name, mac) for name, mac in MACS.items()]
    ) as wires, Session(folder, given.kernel, wires, 300 + 60 * given.boots) as session:
        boot_kinds.confirm_layouts(session)
        for kind, seed in plan(given.boots, given.seed, given.only):
            boot = run_boot(session, kind, seed)
            tell(boot)
            reports.append({**boot.report, "failed": boot.failed})
            if session.process.poll() is not None:
                print("the guest ended", flush=True)
                break
    figures = summary(reports, begin)
    if os.environ.get("PM_REPORT"):
        with open(os.environ["PM_REPORT"], "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    print(json.dumps({key: value for key, value in figures.items() if key != "failures"}))
    failed = figures["failed"] + given.boots - len(reports)
    print(f"{given.boots - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
