# SPDX-License-Identifier: Apache-2.0
"""One simulated boot of boots.py: its steps, and the judgement over them."""

import errno
import glob
import os
import re
import time

from guest import GuestFault

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STATE, POLICIES = "/var/lib/portmatrix", "/etc/portmatrix"
RUN, PINS = "/run/portmatrix", "/sys/fs/bpf/portmatrix"
OWN = {"a": "203.0.113.10", "b": "10.9.0.10", "c": "192.0.2.10", "d": "203.0.113.10"}
NAMES = {"a": "wan", "b": "lan", "c": "eth5", "d": "wan"}  # as they were when all was confirmed
VLAN = 100
PATIENCE = 20  # seconds for an answer, emulated
LOOK = 0.3  # seconds that a host is looked at after it has answered
BOTH = {"in": "pm_ingress", "out": ["pm_egress"]}
# The layouts: interface of the policy -> (role, address).
LAYOUTS = {
    "one": {"wan": ("access", OWN["a"])},
    "two": {"wan": ("access", OWN["a"]), "lan": ("internal", OWN["b"])},
    "bond": {"bond0": ("access", OWN["a"])},
    "vlan": {"uplink": ("access", OWN["a"])},
}
REFUSALS = [
    None, None, None,
    ("all", errno.EPERM), ("load", errno.EINVAL), ("load", errno.ENOMEM), ("attach", errno.EPERM),
]  # fmt: skip


def udev_commands(name):
    """What our udev rule runs when it meets an interface of this name."""
    found = []
    for path in glob.glob(os.path.join(ROOT, "packaging/**/*.rules*"), recursive=True):
        with open(path, encoding="utf-8") as file:
            text = file.read().replace("\\\n", " ")
        for words in re.findall(r'(?:RUN|PROGRAM|IMPORT)(?:\{program\})?\s*\+?=+\s*"([^"]+)"', text):
            words = re.sub(r"\$name|%k|\$env\{INTERFACE\}|\$kernel", name, words)
            found.append(["portmatrix", *words.split()[1:]])
    return found


class Boot:
    def __init__(self, session, kind, seed, chance):
        self.session, self.guest, self.wires = session, session.guest, session.wires
        self.chance = chance
        self.layout = "?"
        self.refused = chance.choice(REFUSALS) if chance else None  # none: to confirm
        self.watch = None
        self.named = {}  # card -> what it is called now
        self.closed = set()  # cards on which only failsafe rows may pass
        self.steps, self.failed = [], []
        self.report = {"kind": kind, "seed": seed, "programs": "load", "gaps": [], "forbidden": 0}
        if self.refused:
            self.report["programs"] = f"refused {self.refused[0]} {errno.errorcode[self.refused[1]]}"

    def begin(self, layout):
        """Power off, with the state folder of a host on which this layout's policy is confirmed."""
        self.layout = layout
        self.power_off()
        for folder in (STATE, POLICIES):
            self.guest.do("copy", source=f"{folder}.{layout}", target=folder)
        self.wires.forget()

    def power_off(self):
        for wire in self.wires:
            wire.silence()
        self.guest.do("end_all")  # of the boot before too
        self.watch = None
        for one in self.guest.do("devices"):
            if one["name"] in ("bond0", "uplink", "inner0"):
                self.guest.ip(f"link del {one['name']}")
        for one in self.guest.do("devices"):
            if one["parent"]:
                self.guest.do("driver", device=one["parent"], word="unbind")
        self.guest.do("remove", path=PINS)
        self.guest.do("empty", folder=RUN)
        self.guest.must("nft", "flush", "ruleset")
        self.named = {}

    # Cards

    def come(self, card, name=None):
        """The card's driver takes it, and it gets its name, as from udev. It is down."""
        name = name or NAMES[card]
        before = {one["index"] for one in self.guest.do("devices")}
        self.guest.do("driver", device=self.session.virtio[card], word="bind")
        found = [one["name"] for one in self.guest.do("devices") if one["index"] not in before]
        if len(found) != 1:
            raise GuestFault(f"card {card} came as {found}")
        if found[0] != name:
            self.guest.ip(f"link set {found[0]} name {name}")
        self.named[card] = name
        self.steps.append(f"{card} comes as {name}")

    def addresses(self, *cards):
        return [f"addr add {OWN[card]}/24 dev {self.named[card]}" for card in cards]

    def up(self, *cards):
        self.guest.ip(*self.addresses(*cards), *(f"link set {self.named[card]} up" for card in cards))
        self.steps.append(f"{' '.join(cards)} up")

    def down(self, card):
        self.guest.ip(f"addr flush dev {self.named[card]}", f"link set {self.named[card]} down")
        self.steps.append(f"{card} down")

    def bond(self, *cards):
        """A bond of these cards, up; as a tool makes it that asks udev first."""
        self.guest.ip("link add bond0 type bond mode active-backup miimon 100",
                      *(f"link set {self.named[card]} master bond0" for card in cards))  # fmt: skip
        self.announce("bond0")
        self.guest.ip(f"addr add {OWN['a']}/24 dev bond0", "link set bond0 up")
        self.steps.append(f"bond0 of {' '.join(cards)} up")

    def vlan(self, card):
        parent = self.named[card]
        self.guest.ip(f"link add link {parent} name uplink type vlan id {VLAN}")
        self.announce("uplink")
        self.guest.ip(f"link set {parent} up", f"addr add {OWN['a']}/24 dev uplink", "link set uplink up")
        self.steps.append(f"uplink on {parent} up")

    def announce(self, name):
        """What udev runs before it tells anybody that the device is there."""
        for command in udev_commands(name):
            self.guest.do("run", command=command, refused=self.refused)
            self.steps.append(" ".join(command))

    # The boot

    def ask(self, *cards, vlan=None):
        """From here on the cards are asked what the policy forbids."""
        for card in cards:
            both = ("a", "b") if self.layout == "two" else ("a",)
            own = [OWN[one] for one in both]
            self.wires[card].expect(own if card != "c" else [OWN["c"], *own], vlan)
        self.guest.do("knock", places=[["203.0.113.66", 9999], ["10.9.0.66", 9999]])

    def restore(self):
        done = self.guest.do("run", command=["portmatrix", "restore"], refused=self.refused)
        self.steps.append(f"restore {done['status']} ({done['seconds']} s) {done['err'].strip()[-300:]}")
        self.watch = self.guest.do("start", command=["portmatrix", "watch"], refused=self.refused,
                                   log="/var/tmp/watch.log")  # fmt: skip

    def mend(self):
        """The programs may be loaded again: they take over from the parachute."""
        self.refused = None
        self.anew()
        self.guest.do("end", pid=self.watch)
        self.restore()

    def late(self, card, name=None):
        """A card comes while the host is up: with udev, or set up at once by who does not wait for it."""
        # The parachute has no such gap: it filters whatever comes.
        if self.refused or self.chance.random() < 0.7:
            self.come(card, name)
            if not self.refused or self.chance.random() < 0.7:
                self.announce(self.named[card])
            self.up(card)
            return
        self.careless(card, name)

    def careless(self, card, name):
        """How long a card that is set up without waiting is open is a figure, no fault."""
        wire = self.wires[card]
        self.come(card, name)
        already = len(wire.forbidden)
        begin = time.monotonic()
        self.up(card)
        self.answered(card)
        time.sleep(2.5)  # watch looks at least every two seconds
        gap = wire.forbidden[already:]
        with wire.lock:
            del wire.forbidden[already:]
        self.report["gaps"].append(round(max([at for at, _ in gap], default=begin) - begin, 3))
        self.steps.append(f"{card} was open for {self.report['gaps'][-1]} s")

    # The judgement

    def answered(self, *cards, one_is_enough=False):
        """What the policy permits is answered: else it would be silent because it is dead."""
        until = time.monotonic() + PATIENCE
        while True:
            left = [card for card in cards if not self.is_answered(card)]
            if not left or (one_is_enough and len(left) < len(cards)):
                break
            if time.monotonic() > until:
                self.failed.append(f"what is permitted is not answered on {left}: "
                                   f"{[dict(self.wires[card].seen) for card in left]}")  # fmt: skip
                return
            time.sleep(0.02)
        time.sleep(LOOK)

    def answered_by_programs(self, *cards):
        """Where the parachute filters instead, they may be closed: it knows interfaces by name."""
        if self.refused:
            time.sleep(2)
        elif cards:
            self.answered(*cards)

    def is_answered(self, card):
        return ("failsafe" if card in self.closed else "ping") in self.wires[card].last

    def must_be_closed(self, card):
        if "ping" in self.wires[card].last:
            self.failed.append(f"card {card} is not closed: it answers a ping")

    def anew(self):
        self.wires.forget_permitted()

    def truth(self, where):
        """`status --json` against what the kernel has. `where`: interface of the policy -> the device that
        it should be now; None: it is absent."""
        refused = self.refused if self.chance.random() < 0.5 else None
        status = self.guest.status(refused=refused)
        hooks = self.guest.hooks()
        tables = self.guest.must("nft", "list", "tables")
        parachute = "portmatrix-parachute" in tables
        keys = ("interface", "mode", "drift", "closed", "renamed")
        told = [{key: one.get(key) for key in keys} for one in status["lines"]]
        self.steps.append(f"status {told} {status['err'].strip()[-200:]}; hooks {hooks}; {tables.split()}")
        for name, device in where.items():
            known = {name, device} - {None}
            lines = [one for one in status["lines"] if known & {one.get("interface"), one.get("renamed")}]
            line = lines[0] if lines else None
            fault = self.lie(line, status["lines"], device and hooks.get(device), parachute)
            if fault:
                self.failed.append(f"status of {name}: {fault}")
        if (self.refused is None) == parachute and any(where.values()):
            self.failed.append("a parachute though the programs load" if parachute else "no parachute")
        if self.failed:
            self.steps.append("history " + self.guest.run("portmatrix", "history")["out"][-2000:])

    def lie(self, line, lines, hooks, parachute):
        """What is wrong about a line; None: it is the truth."""
        if hooks == BOTH:
            if line is None:
                return "filtered, and status is silent"
            right = line.get("mode") == "enforce" and line.get("ingress") and line.get("egress")
            right = right and line.get("drift") in (None, "name")
            return None if right else f"filtered, and told {line.get('mode')}, drift {line.get('drift')}"
        if parachute:
            said = any(one.get("mode") == "parachute" for one in lines)
            return None if said else "the parachute is loaded, and no line says so"
        if line is None:
            return f"hooks are {hooks}, and status is silent"
        right = line.get("mode") == "off" and line.get("drift") == "attachment"
        return None if right else f"hooks are {hooks}, and told {line.get('mode')}, drift {line.get('drift')}"

    def finish(self):
        frames = {}
        for wire in self.wires:
            if wire.name in self.closed:
                self.must_be_closed(wire.name)
            for word, count in wire.seen.items():
                frames[word] = frames.get(word, 0) + count
        forbidden = self.wires.forbidden()
        self.report.update(frames=frames, forbidden=len(forbidden))
        self.report["steps"] = self.steps if self.failed or forbidden else []
        if forbidden:
            first, last = forbidden[0], forbidden[-1]
            self.failed.append(
                f"{len(forbidden)} packets that the policy forbids in {last[0] - first[0]:.2f} s, "
                f"the first on {first[1]}: {first[2]}"
            )
