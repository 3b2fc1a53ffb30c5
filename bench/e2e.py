#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a packet costs a receiving host, end to end, beside other filters.

Each filter has a network namespace and a veth of its own. A generator on CPU 0 sends into one after
the other; the receiver's NAPI thread runs on CPU 1, and its CPU time over the packets it received is
the figure: other load of the machine moves it less than packets a second.

usage: bench/e2e.py TOOLS OBJECTS CONTENT ROUNDS OUTPUT.json"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HOST, GATEWAY = "203.0.113.10", "203.0.113.1"
MILLISECONDS = int(os.environ.get("MS", 400))
PORTMATRIX = pathlib.Path(__file__).parent.parent / "build/release/portmatrix"
CASES = {  # protocol, destination port, sources
    "drop": ("udp", 9, 1),
    "drop, 1M sources": ("udp", 9, 1 << 20),
    "SYN flood, no service": ("tcp", 80, 1 << 20),
    "SYN flood, no row": ("tcp", 5269, 1 << 20),
    "accept": ("udp", 3478, 1),
    "accept, 32k flows": ("udp", 3478, 1 << 15),
}
PORTS = {"tcp": "443, 5061, 50000-59999", "udp": "3478, 50000-59999"}


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(done.args)}: {done.stderr}")
    return done.stdout


class Lab:
    """The namespaces, and a bpffs for what is pinned; all of it goes when the lab ends."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pm-bench-"))
        self.name = self.folder.name
        self.processes = []
        self.sender = f"{self.name}-tx"
        (self.folder / "bpf").mkdir()
        run("mount", "-t", "bpf", "-o", "mode=700", "bpf", self.folder / "bpf")
        run("ip", "netns", "add", self.sender)
        self.spaces = [self.sender]
        # It has one address on all its links: routes tell where a host is, not the source.
        for key in ("all", "default"):
            run("nsenter", f"--net=/run/netns/{self.sender}", "sysctl", "-qw",
                f"net.ipv4.conf.{key}.rp_filter=0")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        for space in self.spaces:
            run("ip", "netns", "delete", space)
        run("umount", self.folder / "bpf")
        run("rm", "-rf", "--one-file-system", self.folder)

    def start(self, *words):
        process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{words} did not start")
        return process


class Receiver:
    def __init__(self, lab, number, name):
        self.lab, self.name = lab, name
        self.space, self.device, self.peer = f"{lab.name}-{number}", f"rx{number}", f"tx{number}"
        run("ip", "netns", "add", self.space)
        lab.spaces.append(self.space)
        run("ip", "link", "add", self.device, "netns", self.space, "type", "veth",
            "peer", "name", self.peer, "netns", lab.sender)
        for key in ("all", "default"):
            self.inside("sysctl", "-qw", f"net.ipv4.conf.{key}.rp_filter=0",
                        f"net.ipv6.conf.{key}.disable_ipv6=1")
        run("ip", "-n", lab.sender, "address", "add", f"{GATEWAY}/24", "dev", self.peer)
        run("ip", "-n", lab.sender, "link", "set", self.peer, "up")
        self.inside("ip", "address", "add", f"{HOST}/24", "dev", self.device)
        self.inside("ip", "link", "set", self.device, "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "route", "add", "default", "via", GATEWAY)
        self.mac = json.loads(run("ip", "-n", self.space, "-j", "link", "show", self.device))[0]["address"]
        gateway = json.loads(run("ip", "-n", lab.sender, "-j", "link", "show", self.peer))[0]["address"]
        # Both know the way: no case measures address resolution, which xdp-filter would drop.
        self.inside("ip", "neigh", "add", GATEWAY, "lladdr", gateway, "dev", self.device)
        run("ip", "-n", lab.sender, "neigh", "add", HOST, "lladdr", self.mac, "dev", self.peer)
        self.inside("ethtool", "-K", self.device, "gro", "on")

    def inside(self, *words, **options):
        return run("nsenter", f"--net=/run/netns/{self.space}", *words, **options)

    def finish(self):
        """What follows the filter: some attach in a way that makes the NAPI thread anew."""
        run("ip", "netns", "exec", self.space, "sh", "-c",
            f"echo 1 >/sys/class/net/{self.device}/threaded")
        listener = ("import socket\n"
                    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 3478))\n"
                    "t = socket.create_server(('0.0.0.0', 5061)); print('ready', flush=True)\n"
                    "while True:\n c, _ = t.accept()\n"
                    " c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n"
                    " while d := c.recv(64): c.send(d)\n")
        self.lab.start("nsenter", f"--net=/run/netns/{self.space}", "taskset", "-c", "1",
                       sys.executable, "-c", listener)
        self.thread = next(path.parent for path in pathlib.Path("/proc").glob("[0-9]*/comm")
                           if path.read_text().startswith(f"napi/{self.device}-"))
        run("taskset", "-pc", "1", self.thread.name)

    def packets(self):
        link = json.loads(run("ip", "-n", self.space, "-s", "-j", "link", "show", self.device))[0]
        return link["stats64"]["rx"]["packets"]

    def cpu(self):
        return int((self.thread / "schedstat").read_text().split()[0])

    def cost(self, tools, objects, case):
        protocol, port, sources = CASES[case]
        packets, cpu = self.packets(), self.cpu()
        run("nsenter", f"--net=/run/netns/{self.lab.sender}", "taskset", "-c", "0",
            tools / "pm_generate", objects / "generate.bpf.o", self.peer, self.mac, HOST, protocol,
            port, sources, MILLISECONDS)
        received = self.packets() - packets
        return (self.cpu() - cpu) / received if received else float("nan")

    def round_trips(self):
        """A second of 64 bytes there and back over one TCP connection, microseconds each."""
        client = ("import socket, time\n"
                  f"s = socket.create_connection(('{HOST}', 5061), 5)\n"
                  "s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n"
                  "n, end = 0, time.monotonic() + 0.5\n"
                  "while time.monotonic() < end: s.send(bytes(64)); s.recv(64); n += 1\n"
                  "print(0.5e6 / n)\n")
        run("ip", "-n", self.lab.sender, "route", "replace", f"{HOST}/32", "dev", self.peer)
        return float(run("nsenter", f"--net=/run/netns/{self.lab.sender}", "taskset", "-c", "0",
                         sys.executable, "-c", client))


def attach_program(receiver, objects, program):
    where = receiver.lab.folder / "bpf" / receiver.space
    run("bpftool", "prog", "loadall", objects / "peers.bpf.o", where)
    receiver.inside("bpftool", "net", "attach", "xdpdrv", "pinned", where / program, "dev",
                    receiver.device)


def set_portmatrix(receiver, content):
    folder = receiver.lab.folder
    environment = {**os.environ, "PORTMATRIX_PIN_DIR": str(folder / "bpf/portmatrix"),
                   "PORTMATRIX_STATE_DIR": str(folder / "state"),
                   "PORTMATRIX_RUN_DIR": str(folder / "run")}
    receiver.inside(PORTMATRIX, "apply", "-i", receiver.device, content / "rows-6.yaml",
                    env=environment)


def set_netdev(receiver):
    rules = "\n".join(f"{protocol} dport {{ {ports} }} counter accept"
                      for protocol, ports in PORTS.items())
    receiver.inside("nft", "-f", "-", input=f"""table netdev bench {{ chain ingress {{
        type filter hook ingress device "{receiver.device}" priority 0; policy drop;
        ether type arp accept\n{rules}\ncounter\n}}\n}}""")


def set_iptables(receiver):
    rules = "".join(f"-A INPUT -p {protocol} --dport {port.strip().replace('-', ':')} -j ACCEPT\n"
                    for protocol, ports in PORTS.items() for port in ports.split(","))
    receiver.inside("iptables-nft-restore", input="*filter\n:INPUT DROP [0:0]\n"
                    "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n"
                    f"{rules}COMMIT\n")


def set_xdp_filter(receiver):
    """Its pins live as long as the mount namespace that holds their bpffs."""
    ports = " && ".join(f"xdp-filter port {port} -m dst -p {protocol}" for port, protocol in
                        ((443, "tcp"), (5061, "tcp"), (3478, "udp")))
    receiver.lab.start("ip", "netns", "exec", receiver.space, "sh", "-c",
                       f"mount -t bpf bpf /sys/fs/bpf && xdp-filter load -m native -p deny "
                       f"{receiver.device} >&2 && {ports} && echo ready && exec sleep 3600")


def filters(objects, content):
    yield "none", lambda receiver: None
    yield "XDP drop", lambda receiver: attach_program(receiver, objects, "drop_all")
    yield "XDP pass", lambda receiver: attach_program(receiver, objects, "none")
    yield "portmatrix", lambda receiver: set_portmatrix(receiver, content)
    yield "xdp-filter", set_xdp_filter
    yield "nft, stateful", lambda receiver: receiver.inside("nft", "-f", content / "rows-6.nft")
    yield "nft, netdev ingress", set_netdev
    yield "nft, 10k prefixes", lambda receiver: receiver.inside("nft", "-f",
                                                                content / "prefixes-10000.nft")
    yield "iptables-nft", set_iptables


def main(tools, objects, content, rounds, output):
    results = {}
    with Lab() as lab:
        receivers = []
        for number, (name, attach) in enumerate(filters(objects, content)):
            receiver = Receiver(lab, number, name)
            attach(receiver)
            receiver.finish()
            receivers.append(receiver)
        for _ in range(rounds):
            for case in CASES:
                for receiver in receivers:
                    if receiver.name == "XDP drop" and case.startswith("accept"):
                        continue
                    cost = receiver.cost(tools, objects, case)
                    results.setdefault(case, {}).setdefault(receiver.name, []).append(cost)
            for receiver in receivers:
                if receiver.name != "XDP drop":
                    results.setdefault("TCP round trip, us of wall time", {}).setdefault(
                        receiver.name, []).append(receiver.round_trips())
    pathlib.Path(output).write_text(json.dumps(results))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]),
         int(sys.argv[4]), sys.argv[5])
