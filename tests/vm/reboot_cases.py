# SPDX-License-Identifier: Apache-2.0
"""The cases of reboots.py: what is different at the boot, and what must be said of it."""

import re
import time

from kernels import without_type_information
from layouts import LAYOUTS, OWN
from machine import MACS

ALL_HOOKS = {"in": "pm_ingress", "out": ["pm_egress"]}
SETTLE = 2.0  # seconds that a host is looked at after it answered


class Boot:
    """One boot from a confirmed disk, as a context: frames are sent from power-on, and what is forbidden
    lands in the case's report."""

    def __init__(self, run, report, layout, cards=None, **options):
        self.run, self.report = run, report
        self.base = run.confirmed(layout)
        self.layout = LAYOUTS[layout]
        self.cards = self.layout.cards if cards is None else cards
        self.words = options.pop("words", "")
        self.beside = set()
        self.also = options.pop("also", ())  # cards that come later
        self.machine = run.machine(self.base, **options)

    def __enter__(self):
        wires = self.run.wires
        self.layout.expect(wires, [*self.cards, *self.also])
        wires.forget()
        self.began = time.monotonic()
        try:
            wanted = [*self.cards, *self.also]
            self.report["notes"]["boot seconds"] = self.machine.start(
                [wires[card] for card in wanted], self.cards, self.words
            )
        except BaseException:
            self.machine.stop()
            raise
        self.guest = self.machine.guest
        self.guest.do("knock", places=[[OWN[card][:-2] + "66", 9999] for card in "abc"])
        return self

    def __exit__(self, kind, *_):
        try:
            for at, card, what in self.run.wires.forbidden():
                if card not in self.beside:
                    self.report["forbidden"].append([round(at - self.began, 2), card, what])
            if kind is None:
                self.look_around()
        finally:
            self.machine.stop()

    # What is asked

    def permitted(self, *cards, kind="ping"):
        """What the policy permits is answered: by the failsafe row if nothing else."""
        self.layout.wait(self.run.wires, lambda wire: kind in wire.last, f"no {kind} is answered on", cards)
        time.sleep(SETTLE)

    def leave_out(self, card):
        """A card that is none of the policy's: it may say what it likes."""
        self.report["notes"][f"{card}, not the policy's"] = dict(self.run.wires[card].seen)
        self.beside.add(card)

    def closed(self, card):
        """Only essentials and failsafe rows pass."""
        if "ping" in self.run.wires[card].last:
            self.fail(f"card {card} is not closed: it answers a ping")

    def fail(self, text):
        self.report["failed"].append(text)

    def name(self, card):
        return self.layout.names[card]

    def device(self, card):
        """What the card is called now."""
        for one in self.guest.do("devices"):
            if one["address"] == MACS[card] and one["parent"]:
                return one["name"]
        return None

    def says(self, name, **wanted):
        """The line of `status --json` about an interface (by either of its names) has these values;
        "!null" stands for any but null."""
        lines = [one for one in self.status["lines"] if name in (one.get("interface"), one.get("renamed"))]
        if not lines:
            self.fail(f"status says nothing of {name}: {self.summary()} {self.status['err'].strip()}")
        for line in lines[:1]:
            for key, value in wanted.items():
                if key not in line or not (line[key] is not None if value == "!null" else line[key] == value):
                    self.fail(f"status of {name}: {key} is {line.get(key)!r}, not {value!r}")

    def summary(self):
        keys = ("interface", "mode", "drift", "absent", "renamed", "closed", "why")
        return [{key: one[key] for key in keys if one.get(key)} for one in self.status["lines"]]

    def look(self):
        self.status = self.guest.status()
        self.hooks = self.guest.hooks()
        self.tables = self.guest.must("nft", "list", "tables").split("\n")
        self.report["status"] = self.summary()

    def parachute(self):
        return any("portmatrix-parachute" in one for one in self.tables)

    def attached(self, device):
        if self.hooks.get(device) != ALL_HOOKS:
            self.fail(f"hooks of {device}: {self.hooks.get(device)}")

    def filtered(self, card):
        """In force on a card, by the kernel's own word, and told without reservation."""
        self.attached(self.device(card))
        self.says(self.device(card), mode="enforce", ingress="!null", egress="!null")

    def in_parachute(self, *names):
        self.look()
        if not self.parachute():
            self.fail(f"no parachute among {self.tables}")
        said = [one for one in self.status["lines"] if one.get("mode") == "parachute"]
        if not said:
            self.fail(f"status does not say parachute: {self.summary()} {self.status['err'].strip()}")
        for name in names:
            if self.hooks.get(name) == ALL_HOOKS:
                self.fail(f"{name} has the programs: this case proves nothing")

    def look_around(self):
        notes = self.report["notes"]
        state = self.guest.run("systemctl", "show", "portmatrix.service", "-p",
                               "ActiveState,SubState,Result,StatusText,NRestarts")  # fmt: skip
        notes["unit"] = state["out"].split("\n")[:-1]
        history = self.guest.run("portmatrix", "history")
        notes["history"] = [re.sub(" +", " ", one) for one in history["out"].strip().split("\n")[-3:]]


def nothing_changes(run, report):
    with Boot(run, report, "two") as boot:
        boot.permitted("a", "b")
        boot.look()
        boot.filtered("a")
        boot.filtered("b")


def card_absent(run, report):
    with Boot(run, report, "two", {"b": 2}) as boot:
        boot.permitted("b")
        boot.look()
        boot.says(boot.name("a"), mode="off", drift="attachment", ingress=None)
        boot.filtered("b")


def card_absent_and_a_new_one(run, report):
    """It may be the missing one: closed to all but essentials and failsafe rows."""
    with Boot(run, report, "two", {"b": 2, "d": 3}) as boot:
        boot.permitted("b")
        boot.permitted("d", kind="failsafe")
        boot.closed("d")
        boot.look()
        boot.says(boot.name("a"), mode="off", drift="attachment")
        boot.attached(boot.device("d"))
        boot.says(boot.device("d"), closed="!null")


def card_renamed(run, report):
    with Boot(run, report, "two", {"a": 4, "b": 2}) as boot:
        boot.permitted("a", "b")
        boot.look()
        if boot.device("a") == boot.name("a"):
            boot.fail("the card has its old name: this case proves nothing")
        boot.filtered("a")
        boot.filtered("b")


def cards_swapped(run, report):
    """Both names are there, each on the other card: essentials and failsafe rows alone, until an apply."""
    with Boot(run, report, "two", {"a": 2, "b": 1}) as boot:
        boot.permitted("a", "b", kind="failsafe")
        for card in "ab":
            boot.closed(card)
        boot.look()
        for card in "ab":
            boot.attached(boot.device(card))
            boot.says(boot.device(card), mode="enforce", closed="!null")


def card_late(run, report):
    """Plugged in when the host is up: the udev rule attaches before anybody is told of it."""
    with Boot(run, report, "two", {"b": 2}, also=["a"]) as boot:
        boot.permitted("b")
        boot.machine.plug("a", 1)
        plugged = time.monotonic()
        boot.permitted("a")
        report["notes"]["seconds until the late card answers"] = round(
            boot.run.wires["a"].last["ping"] - plugged - SETTLE, 2
        )
        boot.look()
        boot.filtered("a")
        boot.filtered("b")


def a_new_card_beside(run, report):
    """It is none of the policy's, and nothing of the policy is missing: it is left alone."""
    with Boot(run, report, "two", {"a": 1, "b": 2, "c": 3}) as boot:
        boot.permitted("a", "b")
        boot.leave_out("c")
        boot.look()
        boot.filtered("a")
        boot.filtered("b")


def bond_without_its_first_port(run, report):
    with Boot(run, report, "bond", {"b": 2}) as boot:
        boot.permitted("b")
        boot.look()
        boot.attached("bond0")
        boot.says("bond0", mode="enforce", ingress="!null", egress="!null")


def vlan_on_a_renamed_parent(run, report):
    with Boot(run, report, "vlan", {"a": 4}) as boot:
        boot.permitted("a")
        boot.look()
        if boot.device("a") == boot.name("a"):
            boot.fail("the card has its old name: this case proves nothing")
        boot.attached("uplink")
        boot.says("uplink", mode="enforce", ingress="!null", egress="!null")


def kernel_without_type_information(run, report):
    kernel = without_type_information(run)
    with Boot(run, report, "two", kernel=kernel) as boot:
        boot.permitted("a", "b")
        boot.look()
        loaded = boot.hooks.get(boot.device("a")) == ALL_HOOKS
        report["notes"]["the programs load without it"] = loaded
        said = boot.guest.must("journalctl", "-b", "-u", "portmatrix", "-o", "cat", "--no-pager", "-n", "8")
        report["notes"]["journal"] = said.split("\n")[:-1]
        if loaded:
            boot.filtered("a")
            boot.filtered("b")
        else:
            boot.in_parachute(boot.device("a"), boot.device("b"))


REFUSED = "[Service]\nSystemCallFilter=~bpf\n"
DROP_IN = "/etc/systemd/system/portmatrix.service.d/refused.conf"


def refused_disk(run):
    """A host that will refuse bpf(2) to the unit from the next boot on."""
    if "refused" not in run.disks:
        machine = run.machine(run.confirmed("two"))
        with machine:
            machine.start(run.wires, LAYOUTS["two"].cards)
            machine.guest.do("write", path=DROP_IN, text=REFUSED)
            machine.power_off()
        run.disks["refused"] = machine.disk
        LAYOUTS["refused"] = LAYOUTS["two"]
    return "refused"


def programs_refused(run, report):
    """Then nftables.service starts, reloads and stops, each of which flushes every table; at last
    the programs may be loaded again, and the parachute goes after they are in force."""
    with Boot(run, report, refused_disk(run)) as boot:
        guest = boot.guest
        boot.permitted("a", "b")
        boot.in_parachute(boot.device("a"), boot.device("b"))
        for word in ("start", "reload", "stop"):
            guest.must("systemctl", word, "nftables.service")
            boot.run.wires.forget_permitted()
            boot.permitted("a", "b")
            boot.in_parachute(boot.device("a"), boot.device("b"))
        guest.must("rm", DROP_IN)
        guest.must("systemctl", "daemon-reload")
        guest.must("systemctl", "restart", "portmatrix.service")
        boot.run.wires.forget_permitted()
        boot.permitted("a", "b")
        boot.look()
        boot.filtered("a")
        boot.filtered("b")
        if boot.parachute():
            boot.fail("the parachute is still there beside the programs")


def nftables_starts_at_boot(run, report):
    """Enabled, as many hosts have it: its own start flushes every table, before or after ours."""
    base = refused_disk(run)
    machine = run.machine(run.disks[base])
    with machine:
        machine.start(run.wires, LAYOUTS["two"].cards)
        machine.guest.must("systemctl", "enable", "nftables.service")
        machine.power_off()
    run.disks["flushed"], LAYOUTS["flushed"] = machine.disk, LAYOUTS["two"]
    with Boot(run, report, "flushed") as boot:
        boot.permitted("a", "b")
        boot.in_parachute(boot.device("a"), boot.device("b"))


VERSION = ("dpkg-query", "-W", "-f", "${Version}", "portmatrix")


def package_upgraded(run, report):
    """Another build's package is installed over the first, then the host boots."""
    machine = run.machine(run.confirmed("two"), packages="newer")
    with machine:
        LAYOUTS["two"].expect(run.wires)
        machine.start(run.wires, LAYOUTS["two"].cards)
        before = machine.guest.must(*VERSION)
        run.wires.forget()
        machine.guest.must("sh", "-c", "mkdir /run/new && tar -xf /dev/vdb -C /run/new")
        machine.guest.must("sh", "-c", "dpkg -i /run/new/*.deb", timeout=170)
        time.sleep(SETTLE)
        after = machine.guest.must(*VERSION)
        report["notes"]["versions"] = [before, after]
        report["forbidden"] += [[0, card, what] for _, card, what in run.wires.forbidden()]
        machine.power_off()
    run.disks["upgraded"], LAYOUTS["upgraded"] = machine.disk, LAYOUTS["two"]
    with Boot(run, report, "upgraded") as boot:
        boot.permitted("a", "b")
        boot.look()
        boot.filtered("a")
        boot.filtered("b")
        if boot.parachute():
            boot.fail("a parachute though the programs load")


CASES = {
    one.__name__: one
    for one in (
        nothing_changes, card_absent, card_absent_and_a_new_one, card_renamed, cards_swapped,
        card_late, a_new_card_beside, bond_without_its_first_port, vlan_on_a_renamed_parent,
        kernel_without_type_information, programs_refused, nftables_starts_at_boot, package_upgraded,
    )
}  # fmt: skip
