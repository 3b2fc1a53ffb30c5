#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real reboots of a virtual machine with Debian, systemd, udev, networkd and the package, under
packets all through: a host with a confirmed policy answers none that the policy forbids, and says what is
not as it was.

tests/vm/reboots.py KERNEL IMAGE PACKAGES NEWER [CASE...]

KERNEL   a folder that tests/vm/kernel printed
IMAGE    a folder that tests/vm/image printed
PACKAGES a folder with the packages; NEWER one with those of another build
CASE     names of cases; all if none is given

tests/vm/reboots prepares these and calls this. One line a case; PM_REPORT=FILE gets the figures as JSON.
Last line: N passed, N failed, N skipped."""

import contextlib
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import reboot_cases
from guest import GuestFault
from layouts import LAYOUTS
from machine import MACS, Machine
from wire import Wire, Wires

KEPT_CONSOLE = 3000  # characters of the console that a failure shows


class Run:
    """What the cases share: the wires, the machine's disks, one for each layout."""

    def __init__(self, folder, kernel, image, wires):
        self.folder, self.kernel, self.image, self.wires = folder, kernel, image, wires
        self.begin = time.monotonic()
        self.disks = {}

    def tar(self, name, packages):
        path = os.path.join(self.folder, f"{name}.tar")
        files = [one for one in glob.glob(f"{packages}/portmatrix*.deb") if "dbgsym" not in one]
        subprocess.run(
            ["tar", "-cf", path, "-C", packages, *map(os.path.basename, files)], check=True
        )
        return path

    def overlay(self, base):
        """A disk of its own over another one, which nobody changes any more."""
        path = tempfile.mktemp(".qcow2", "disk-", self.folder)
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, path], check=True
        )
        return path

    def machine(self, base, kernel=None, packages="packages"):
        disk = self.overlay(base)
        return Machine(
            self.folder, kernel or os.path.join(self.kernel, "vmlinux"), self.image, disk,
            os.path.join(self.folder, f"{packages}.tar"),
        )  # fmt: skip

    def confirmed(self, name):
        """The disk of a host on which the layout's policy is in force and confirmed."""
        if name not in self.disks:
            self.disks[name] = LAYOUTS[name].install(self)
        return self.disks[name]


def one_case(run, name, case):
    """Runs a case; what it says of itself, and how it failed."""
    report = {"case": name, "failed": [], "forbidden": [], "status": [], "notes": {}}
    begin = time.monotonic()
    try:
        case(run, report)
    except (GuestFault, subprocess.SubprocessError, KeyError, OSError) as fault:
        report["failed"].append(f"{type(fault).__name__}: {fault}")
    for wire in run.wires:
        wire.silence()
    if report["forbidden"]:
        count, first = len(report["forbidden"]), report["forbidden"][0]
        report["failed"].append(f"{count} packets that the policy forbids, the first {first}")
        report["forbidden"] = report["forbidden"][:20] + [{"all": count}]
    report["seconds"] = round(time.monotonic() - begin, 1)
    return report


def main():
    kernel, image, packages, newer = sys.argv[1:5]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    cases = reboot_cases.CASES
    names = sys.argv[5:] or list(cases)
    failed, reports = 0, []
    with contextlib.ExitStack() as stack:
        scratch = os.environ.get("PM_SCRATCH", "/var/tmp")
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pm-reboots.", dir=scratch))
        wires = stack.enter_context(Wires([Wire(name, mac) for name, mac in MACS.items()]))
        run = Run(folder, os.path.abspath(kernel), os.path.abspath(image), wires)
        run.tar("packages", packages)
        run.tar("newer", newer)
        for name in names:
            report = one_case(run, name, cases[name])
            reports.append(report)
            failed += bool(report["failed"])
            print(f"{'FAIL' if report['failed'] else 'ok  '} {name} {report['seconds']} s", flush=True)
            for text in report["failed"]:
                print(f"        {text}", flush=True)
            for key, value in report["notes"].items():
                print(f"        {key}: {json.dumps(value)}", flush=True)
    if os.environ.get("PM_REPORT"):
        with open(os.environ["PM_REPORT"], "w", encoding="utf-8") as file:
            json.dump(reports, file, indent=1)
    print(f"{len(names) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
