# SPDX-License-Identifier: Apache-2.0
"""Hosts whose policy is confirmed, from which the cases of reboots.py boot: two cards, a bond of two,
a VLAN device. networkd knows the cards by their hardware addresses, so that each gets its
addresses whatever it is named: an interface that is not filtered is open at once."""

import os
import time

from guest import GuestFault
from machine import MACS

# Card d takes the place of a.
OWN = {"a": "203.0.113.10", "b": "10.9.0.10", "c": "192.0.2.10", "d": "203.0.113.10"}
VLAN = 100
PATIENCE = 30  # seconds for an answer, emulated

POLICY = """policy: reboots
interfaces: { INTERFACES }
edge:
EDGE
peers:
  partners: [203.0.113.7, 10.9.0.7]
  admins: [203.0.113.40, 10.9.0.40]
failsafe:
FAILSAFE
matrix:
MATRIX
"""


def policy(placed):
    """A policy for interfaces, name -> (role, address)."""
    roles = list(placed.values())
    return (
        POLICY.replace("INTERFACES", ", ".join(f'"{name}": [{role}]' for name, (role, _) in placed.items()))
        .replace("EDGE", "\n".join(f"  {role}: [{address}]" for role, address in roles))
        .replace("FAILSAFE", "\n".join(
            f"  - {{ id: ssh-{role}, transport: tcp, source: admins, destination: {role}, port: 22 }}"
            for role, _ in roles))
        .replace("MATRIX", "\n".join(
            f"  - {{ id: ping-{role}, transport: icmp, source: partners, destination: {role} }}"
            for role, _ in roles))
    )  # fmt: skip


def network(match, lines):
    return f"[Match]\n{match}\n[Network]\nIPv6AcceptRA=no\nLLMNR=no\n{lines}\n"


def card_files(cards):
    return {
        f"10-{card}.network": network(f"PermanentMACAddress={MACS[card]}", f"Address={OWN[card]}/24")
        for card in cards
    }


class Layout:
    one_speaks = False  # of an active-backup bond one card at a time

    def __init__(self, cards, files, places):
        self.cards = cards  # name -> slot
        self.files = files  # of /etc/systemd/network
        self.places = places  # function(names of the cards' devices) -> interface -> (role, address)
        self.names = {}  # what udev called the cards, card -> name

    def expect(self, wires, cards=None):
        """Tells the wires what the host behind has; they begin to ask."""
        for card in cards or self.cards:
            wires[card].expect(list(OWN.values())[:2])

    def install(self, run):
        """Powers on, installs the package, applies the policy, powers off; the disk."""
        machine = run.machine(os.path.join(run.image, "root.qcow2"))
        with machine:
            machine.start(run.wires, self.cards)
            guest = machine.guest
            for name, text in {**card_files("cd"), **self.files}.items():
                guest.do("write", path=f"/etc/systemd/network/{name}", text=text)
            guest.must("networkctl", "reload")
            self.names = self.find(guest)
            self.prove_open(run.wires)
            guest.must("sh", "-c", "mkdir /run/new && tar -xf /dev/vdb -C /run/new")
            guest.must("sh", "-c", "dpkg -i /run/new/*.deb", timeout=170)
            placed = self.places(self.names)
            guest.do("write", path="/etc/portmatrix/policy.yaml", text=policy(placed))
            guest.must("portmatrix", "apply", "/etc/portmatrix/policy.yaml")
            guest.must("systemctl", "start", "portmatrix.service")
            time.sleep(3)  # what is made for the next boot beside the apply
            machine.power_off()
        return machine.disk

    def find(self, guest):
        """What udev called the cards; a driver may come late."""
        until = time.monotonic() + PATIENCE
        while True:
            found = {one["address"]: one["name"] for one in guest.do("devices") if one["parent"]}
            if all(MACS[card] in found for card in self.cards):
                return {card: found[MACS[card]] for card in self.cards}
            if time.monotonic() > until:
                raise GuestFault(f"there are only the cards {found}")
            time.sleep(0.05)

    def prove_open(self, wires):
        """Without a policy the host answers what will be forbidden: else its silence would prove nothing."""
        self.expect(wires)
        wires.forget()
        self.wait(wires, lambda wire: wire.seen["forbidden"] > 20, "an open host is silent on")

    def wait(self, wires, right, text, cards=None):
        until = time.monotonic() + PATIENCE
        wanted = set(cards or self.cards)
        while True:
            left = {card for card in wanted if not right(wires[card])}
            if not left or (self.one_speaks and left != wanted):
                return
            if time.monotonic() > until:
                raise GuestFault(f"{text} {sorted(left)}: {[dict(wires[c].seen) for c in left]}")
            time.sleep(0.05)


class BondLayout(Layout):
    one_speaks = True


class VlanLayout(Layout):
    def expect(self, wires, cards=None):
        for card in cards or self.cards:
            wires[card].expect([OWN["a"]], VLAN)


LAYOUTS = {
    "two": Layout(
        {"a": 1, "b": 2}, card_files("ab"),
        lambda names: {names["a"]: ("access", OWN["a"]), names["b"]: ("internal", OWN["b"])},
    ),
    "bond": BondLayout(
        {"a": 1, "b": 2},
        {
            "05-bond.netdev": "[NetDev]\nName=bond0\nKind=bond\n"
            "[Bond]\nMode=active-backup\nMIIMonitorSec=0.1\n",
            "10-ports.network": f"[Match]\nPermanentMACAddress={MACS['a']} {MACS['b']}\n"
            "[Network]\nBond=bond0\n",
            "20-bond.network": network("Name=bond0", f"Address={OWN['a']}/24"),
        },
        lambda names: {"bond0": ("access", OWN["a"])},
    ),
    "vlan": VlanLayout(
        {"a": 1},
        {
            "05-vlan.netdev": f"[NetDev]\nName=uplink\nKind=vlan\n[VLAN]\nId={VLAN}\n",
            "10-a.network": f"[Match]\nPermanentMACAddress={MACS['a']}\n[Network]\nVLAN=uplink\n",
            "20-vlan.network": network("Name=uplink", f"Address={OWN['a']}/24"),
        },
        lambda names: {"uplink": ("access", OWN["a"])},
    ),
}  # fmt: skip
