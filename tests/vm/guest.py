# SPDX-License-Identifier: Apache-2.0
"""A guest seen from this machine: the line to its agent (agent.py), what is asked of it often, and how
QEMU is told what to do."""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time


class GuestFault(Exception):
    pass


class Guest:
    """The agent in a guest. QEMU connects to our socket as soon as it starts."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "agent")
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(self.path)
        self.server.listen(1)
        self.line, self.rest = None, b""

    def arguments(self):
        return [
            "-chardev", f"socket,id=agent,path={self.path}", "-device", "virtio-serial-pci",
            "-device", "virtserialport,chardev=agent,name=agent",
        ]  # fmt: skip

    def connect(self, process, seconds):
        """Waits for the agent, while QEMU's process lives."""
        until = time.monotonic() + seconds
        while self.line is None:
            if process.poll() is not None:
                raise GuestFault("the guest ended before its agent was there")
            if select.select([self.server], [], [], 0.1)[0]:
                self.line, _ = self.server.accept()
            elif time.monotonic() > until:
                raise GuestFault("QEMU did not start")
        if self.answer(until - time.monotonic(), process) != "ready":
            raise GuestFault("another answer than 'ready'")

    def close(self):
        for one in (self.line, self.server):
            if one:
                one.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def answer(self, seconds, process=None):
        until = time.monotonic() + seconds
        while b"\n" not in self.rest:
            if not select.select([self.line], [], [], 0.2)[0]:
                if time.monotonic() > until:
                    raise GuestFault(f"no answer within {seconds:.0f} s")
                if process and process.poll() is not None:
                    raise GuestFault("the guest ended")
                continue
            got = self.line.recv(1 << 20)
            if not got:
                raise GuestFault("the guest ended")
            self.rest += got
        text, self.rest = self.rest.split(b"\n", 1)
        answer = json.loads(text)
        if "fault" in answer:
            raise GuestFault(answer["fault"])
        return answer["result"]

    def do(self, name, patience=180, **arguments):
        self.line.sendall(json.dumps({"do": name, **arguments}).encode() + b"\n")
        return self.answer(patience)

    def run(self, *command, **arguments):
        return self.do("run", command=list(command), **arguments)

    def must(self, *command, **arguments):
        """A command that has to succeed; its output."""
        done = self.run(*command, **arguments)
        if done["status"] != 0:
            raise GuestFault(f"{' '.join(command)}: {done['status']}: {done['err'] or done['out']}")
        return done["out"]

    def ip(self, *lines):
        done = self.do("batch", lines=list(lines))
        if done["status"] != 0:
            raise GuestFault(f"ip {lines}: {done['err']}")

    def status(self, refused=None):
        """`portmatrix status --json`: its lines, and whatever it said besides."""
        done = self.run("portmatrix", "status", "--json", refused=refused)
        lines = []
        for text in done["out"].splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                done["err"] += f"not JSON: {text}"
        return {"lines": lines, "status": done["status"], "err": done["err"]}

    def hooks(self):
        """What the kernel has at the hooks, by means that are not the program's own: device -> the
        names of the programs that judge what comes in and what goes out."""
        links = json.loads(self.must("ip", "-d", "-j", "link", "show"))
        net = json.loads(self.must("bpftool", "-j", "net", "show"))[0]
        loaded = json.loads(self.must("bpftool", "-j", "prog", "show"))
        tcx = self.do("tcx")
        names = {one["id"]: one.get("name", "?") for one in loaded}
        found = {}
        for link in links:
            device = link["ifname"]
            program = (link.get("xdp") or {}).get("prog") or {}
            out = [one["name"].split(":")[0] for one in net.get("tc", [])
                   if one["devname"] == device and "egress" in one["kind"]]  # fmt: skip
            out += [names.get(one) for one in tcx.get(device, [])]
            found[device] = {"in": names.get(program.get("id")), "out": out}
        return found


def dies_with_us():
    """For a process of ours, before its program begins: it is killed when we are."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def end_process(process, seconds=10):
    """Ends a process of ours, whatever it takes."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
