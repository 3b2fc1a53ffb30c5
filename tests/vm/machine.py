# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with a disk that outlives its reboots and network cards in numbered slots.

Each card is a real device with a bus parent: udev names it after its slot, its driver comes when udev
gets to it. What is at the other end of its cable is a Wire. Everything ends with the context."""

import json
import os
import socket
import subprocess
import time

from guest import Guest, GuestFault, dies_with_us, end_process

SLOTS = range(1, 7)
MACS = {name: f"52:54:00:00:00:0{name}" for name in "abcd"}
BOOT_SECONDS = 240  # emulated, beside other work


class Machine:
    def __init__(self, folder, kernel, image, disk, packages):
        self.folder, self.kernel, self.image, self.disk = folder, kernel, image, disk
        self.packages = packages  # a tar of .deb files, which the guest sees as a disk
        self.process = self.guest = None

    def device(self, card, slot):
        return {
            "driver": "virtio-net-pci", "netdev": card, "mac": MACS[card], "bus": f"slot{slot}",
            "id": f"card-{card}", "romfile": "",
        }  # fmt: skip

    def arguments(self, wires, cards, words):
        given = [
            "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=256",
            "-cpu", "max", "-smp", "2", "-m", "1G", "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-kernel", self.kernel,
            "-initrd", os.path.join(self.image, "initramfs"),
            "-append", f"console=ttyS0 quiet panic=-1 {words}",
            "-drive", f"file={self.disk},if=virtio,format=qcow2,cache=unsafe",
            "-drive", f"file={self.packages},if=virtio,format=raw,readonly=on",
            "-serial", f"file:{os.path.join(self.folder, 'console')}",
            "-qmp", f"unix:{os.path.join(self.folder, 'qmp')},server=on,wait=off",
        ]  # fmt: skip
        for slot in SLOTS:
            given += ["-device", f"pcie-root-port,id=slot{slot},addr=0x1{slot},chassis={slot},slot={slot}"]
        for wire in wires:
            given += wire.arguments()
        for card, slot in cards.items():
            given += ["-device", ",".join(f"{key}={value}" for key, value in
                                          self.device(card, slot).items())]  # fmt: skip
        return given + self.guest.arguments()

    def start(self, wires, cards, words=""):
        """Powers on with these cards, name -> slot, and waits until the agent is there."""
        begin = time.monotonic()
        # A kernel that patches itself sometimes crashes under emulation, before any process runs.
        for last in (False, False, True):
            self.guest = Guest(self.folder)
            self.process = subprocess.Popen(
                self.arguments(wires, cards, words), stdin=subprocess.DEVNULL,
                preexec_fn=dies_with_us,
                stderr=open(os.path.join(self.folder, "qemu.log"), "a", encoding="utf-8"),
            )  # fmt: skip
            try:
                self.guest.connect(self.process, BOOT_SECONDS)
                return round(time.monotonic() - begin, 1)
            except GuestFault:
                time.sleep(1)  # its line ends before itself
                ended = self.process.poll() is not None
                self.stop()
                if last or not ended:
                    raise
        return None

    def plug(self, card, slot):
        """A card comes while the machine runs."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(os.path.join(self.folder, "qmp"))
            stream = line.makefile("rw", encoding="utf-8")
            stream.readline()
            for request in (
                {"execute": "qmp_capabilities"},
                {"execute": "device_add", "arguments": self.device(card, slot)},
            ):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
                while "event" in answer:
                    answer = json.loads(stream.readline())
                if "error" in answer:
                    raise GuestFault(answer["error"]["desc"])

    def power_off(self):
        """An orderly end, so that the disk has all."""
        self.guest.do("start", command=["systemctl", "poweroff"])
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired as late:
            raise GuestFault("the guest does not power off") from late
        finally:
            self.stop()

    def stop(self):
        if self.process:
            end_process(self.process)
        if self.guest:
            self.guest.close()
        self.process = self.guest = None

    def console(self):
        with open(os.path.join(self.folder, "console"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
