#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In a guest: does what guest.py on the other side of a virtio port asks for.

A request is a line of JSON, {"do": NAME, ...arguments}; the answer is a line, {"result": ...} or
{"fault": TEXT}. It is one process for all requests: in an emulated guest each start of a program takes long."""

import ctypes
import glob
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

BPF = 321  # the system call's number on x86-64
COMMANDS = {"load": 5, "attach": 28}  # of bpf(2): PROG_LOAD, LINK_CREATE
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000

started = {}  # process id -> Popen
knocked = []  # [address, port]: what the knocker sends to


def refuse(what, error):
    """From here on bpf(2) ends with `error` for this process and its children: every call ("all"), or
    one command of it, and what is done without it for the same end ("attach": XDP by netlink is not)."""
    program = [(0x20, 0, 0, 0)]  # load the number
    if what == "all":
        program += [(0x15, 0, 1, BPF), (0x06, 0, 0, ERRNO | error), (0x06, 0, 0, ALLOW)]
    else:
        program += [(0x15, 0, 3, BPF), (0x20, 0, 0, 16), (0x15, 0, 1, COMMANDS[what])]
        program += [(0x06, 0, 0, ERRNO | error), (0x06, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", *one) for one in program)
    buffer = ctypes.create_string_buffer(code)
    filter_ = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(buffer)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter_, 0, 0):
        os._exit(120)


def prepared(refused):
    return (lambda: refuse(*refused)) if refused else None


def run(command, env=None, timeout=120, refused=None, text=None):
    begin = time.monotonic()
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, timeout=timeout, input=text, text=True,
        capture_output=True, preexec_fn=prepared(refused), errors="replace", check=False,
    )  # fmt: skip
    return {
        "status": done.returncode, "out": done.stdout, "err": done.stderr,
        "seconds": round(time.monotonic() - begin, 3),
    }  # fmt: skip


def start(command, env=None, refused=None, log="/dev/null"):
    with open(log, "a", encoding="utf-8") as out:
        one = subprocess.Popen(
            command, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=out,
            stderr=out, preexec_fn=prepared(refused),
        )  # fmt: skip
    started[one.pid] = one
    return one.pid


def end(pid, number=signal.SIGTERM):
    one = started.pop(pid)
    one.send_signal(number)
    return one.wait(120)  # a look at what cannot be loaded takes long, emulated


def end_all():
    """As a power-off does, to what was started and to what that has started beside itself."""
    for pid in list(started):
        end(pid, signal.SIGKILL)
    subprocess.run(["pkill", "-KILL", "-x", "portmatrix"], check=False)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def empty(folder):
    """Takes away what is in a folder; the folder stays."""
    for path in glob.glob(f"{glob.escape(folder)}/*") + glob.glob(f"{glob.escape(folder)}/.*"):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def remove(path):
    shutil.rmtree(path, ignore_errors=True)


def copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


def hardware_address(place):
    """Its own, also of a port, which goes by the address of its bond."""
    try:
        return read(place + "bonding_slave/perm_hwaddr").strip()
    except OSError:
        return read(place + "address").strip()


def devices():
    """Each device's name, number, hardware address, and whether it is up."""
    found = []
    for name in os.listdir("/sys/class/net"):
        place = f"/sys/class/net/{name}/"
        try:
            found.append({
                "name": name, "index": int(read(place + "ifindex")),
                "address": hardware_address(place), "flags": int(read(place + "flags"), 16),
                "parent": os.path.basename(os.path.realpath(place + "device"))
                if os.path.exists(place + "device") else None,
            })  # fmt: skip
        except OSError:  # it goes just now
            pass
    return found


def tcx(attach_type=47):
    """The programs at the TCX hook of the way out: device -> their numbers, asked by bpf(2) itself, since
    Debian 12's bpftool does not know the hook. Kernels before 6.6 have none."""
    libc, found = ctypes.CDLL(None), {}
    for one in devices():
        numbers = (ctypes.c_uint32 * 16)()
        place = ctypes.addressof(numbers)
        query = bytearray(struct.pack("IIIIQI", one["index"], attach_type, 0, 0, place, 16)).ljust(64, b"\0")
        buffer = (ctypes.c_char * len(query)).from_buffer(query)
        if libc.syscall(BPF, 16, buffer, len(query)) == 0:
            count = struct.unpack_from("I", query, 24)[0]
            found[one["name"]] = list(numbers[:count])
    return found


def driver(device, word):
    """Binds a virtio device to the network driver, or unbinds it."""
    write(f"/sys/bus/virtio/drivers/virtio_net/{word}", device)


def knocker():
    """Sends datagrams that no policy permits out of this host, all the time."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        for address, port in list(knocked):
            try:
                out.sendto(b"knock", (address, port))
            except OSError:  # no route yet, or dropped on the way out
                pass
        time.sleep(0.02)


def knock(places):
    knocked[:] = places


def batch(lines, force=False):
    """Commands of `ip`, in one process."""
    return run(["ip", *(["-force"] if force else []), "-batch", "-"], text="\n".join(lines) + "\n")


def port():
    subprocess.run(["modprobe", "virtio_console"], check=False)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for path in glob.glob("/sys/class/virtio-ports/*/name"):
            if read(path).strip() == "agent":
                return open("/dev/" + path.split("/")[-2], "r+b", buffering=0)
        time.sleep(0.1)
    sys.exit("agent.py: no virtio port")


OFFERED = {
    one.__name__: one
    for one in (run, start, end, end_all, read, write, empty, remove, copy, devices, driver, tcx, knock,
                batch)
}  # fmt: skip


def main():
    threading.Thread(target=knocker, daemon=True).start()
    line = port()
    line.write(b'{"result": "ready"}\n')
    rest, alone = b"", 0
    while alone < 200:  # 10 s without anybody on the other side
        got = line.read(65536)
        if not got:
            alone += 1
            time.sleep(0.05)
            continue
        alone = 0
        rest += got
        while b"\n" in rest:
            text, rest = rest.split(b"\n", 1)
            request = json.loads(text)
            if request["do"] == "finish":
                line.write(b'{"result": null}\n')
                return
            try:
                answer = {"result": OFFERED[request.pop("do")](**request)}
            except Exception:  # whatever it is, the other side is told
                answer = {"fault": traceback.format_exc(limit=3)}
            data = json.dumps(answer).encode() + b"\n"
            while data:
                data = data[line.write(data) :]


if __name__ == "__main__":
    main()
