# SPDX-License-Identifier: Apache-2.0
"""The kinds of boots of boots.py: which cards come, when and as what, and what must hold then.

In the layout "one" card b, and everywhere card c, is none of the policy's. Card d takes the place of a."""

import time

from boot import LAYOUTS, NAMES, POLICIES, STATE, VLAN, Boot
from guest import GuestFault
from layouts import policy

POLICY_CARDS = {"one": ("a",), "two": ("a", "b"), "bond": ("a", "b"), "vlan": ("a",)}


def confirm_layouts(session):
    """The state folder of a host in order, for each layout, kept beside the real one. Before the
    policy is applied the host answers what will be forbidden: else its silence would prove nothing."""
    for layout, placed in LAYOUTS.items():
        boot = Boot(session, "confirm", 0, None)
        boot.layout = layout
        boot.power_off()
        boot.guest.do("remove", path=STATE)
        cards = virtual_cards(boot) if layout in ("bond", "vlan") else plain_cards(boot)
        boot.ask(*cards, vlan=VLAN if layout == "vlan" else None)
        session.wires.forget()
        until = time.monotonic() + 20
        while not any(wire.seen["forbidden"] > 20 for wire in session.wires):
            if time.monotonic() > until:
                raise GuestFault(f"an open host is silent: {[dict(wire.seen) for wire in session.wires]}")
            time.sleep(0.05)
        boot.guest.do("write", path=f"{POLICIES}/policy.yaml", text=policy(placed))
        boot.guest.must("portmatrix", "apply", f"{POLICIES}/policy.yaml")
        time.sleep(4)  # what is made for the next boot beside the apply
        boot.guest.do("copy", source=STATE, target=f"{STATE}.{layout}")
        boot.guest.do("copy", source=POLICIES, target=f"{POLICIES}.{layout}")


def plain_cards(boot):
    for card in "ab":
        boot.come(card)
    boot.up("a", "b")
    return "ab" if boot.layout == "two" else "a"


def virtual_cards(boot):
    for card in "ab":
        boot.come(card)
    if boot.layout == "bond":
        boot.bond("a", "b")
    else:
        boot.vlan("a")
    return ("a",)


def some_layout(boot, *layouts):
    boot.begin(boot.chance.choice(layouts))
    return POLICY_CARDS[boot.layout]


def where(boot):
    """Each interface of the policy -> the device that should be it now."""
    cards = {NAMES[card]: card for card in POLICY_CARDS[boot.layout]}
    return {name: boot.named.get(cards.get(name)) for name in LAYOUTS[boot.layout]}


def in_order(boot, *cards, renamed=()):
    """The boot with these cards, which are there already; then the truth."""
    boot.ask(*cards)
    boot.restore()
    if cards:
        boot.up(*cards)
        boot.answered(*(card for card in cards if card not in renamed))
        boot.answered_by_programs(*renamed)
    boot.truth(where(boot))


def come_back(boot, *cards):
    """What was missing comes, half of the times, and all is as it was confirmed."""
    if boot.chance.random() < 0.5:
        return
    boot.ask(*cards)
    boot.anew()
    for card in cards:
        boot.late(card)
    boot.closed.clear()
    boot.answered(*POLICY_CARDS[boot.layout])
    boot.truth(where(boot))


def all_there(boot):
    cards = some_layout(boot, "one", "two")
    for card in "ab":
        boot.come(card)
    in_order(boot, *cards)
    if boot.refused:
        boot.mend()
        boot.answered(*cards)
        boot.truth(where(boot))


def one_absent(boot):
    cards = list(some_layout(boot, "one", "two"))
    absent = boot.chance.choice(cards)
    cards.remove(absent)
    for card in cards:
        boot.come(card)
    in_order(boot, *cards)
    come_back(boot, absent)


def one_renamed(boot):
    cards = some_layout(boot, "one", "two")
    renamed = boot.chance.choice(cards)
    for card in "ab":
        boot.come(card, "eth7" if card == renamed else None)
    in_order(boot, *cards, renamed=[renamed])


def two_swapped(boot):
    """Name and hardware address point to two cards of the policy: failsafe rows alone on both."""
    boot.begin("two")
    boot.come("a", "lan")
    boot.come("b", "wan")
    boot.closed = {"a", "b"}
    boot.ask("a", "b")
    boot.restore()
    boot.up("a", "b")
    boot.answered_by_programs("a", "b")
    boot.truth({"wan": "wan", "lan": "lan"})


def one_late(boot):
    cards = list(some_layout(boot, "one", "two"))
    late = boot.chance.choice(cards)
    for card in cards:
        if card != late:
            boot.come(card)
    in_order(boot, *(card for card in cards if card != late))
    boot.ask(late)
    boot.late(late)
    boot.answered(*cards)
    boot.truth(where(boot))


def a_new_one_beside(boot):
    """Left alone: nothing of the policy is missing."""
    cards = some_layout(boot, "one", "two")
    for card in "abc":
        boot.come(card)
    in_order(boot, *cards)


def absent_and_a_new_one(boot):
    """It may be the missing one: closed to all but essentials and failsafe rows."""
    cards = list(some_layout(boot, "one", "two"))
    absent = boot.chance.choice(cards)
    cards.remove(absent)
    new = "d" if absent == "a" else "c"  # d has the address of a
    for card in cards:
        boot.come(card)
    boot.come(new, "eth5")
    boot.closed = {new}
    boot.ask(new, *cards)
    boot.restore()
    boot.up(*cards, new)
    boot.answered(*cards)
    if new == "d":
        boot.answered_by_programs(new)
    boot.truth(where(boot))
    boot.must_be_closed(new)
    boot.wires[new].silence()
    boot.down(new)  # as d has the address of a, answers would leave by either
    boot.closed.clear()
    come_back(boot, absent)


def absent_and_a_virtual_one(boot):
    """A container engine's device cannot be the missing one: no program comes on it."""
    cards = [card for card in some_layout(boot, "one", "two") if card != "a"]
    for card in cards:
        boot.come(card)
    boot.guest.ip("link add inner0 type veth peer name inner1")
    in_order(boot, *cards)
    hooks = boot.guest.hooks()["inner0"]
    if hooks != {"in": None, "out": []}:
        boot.failed.append(f"hooks of a virtual device: {hooks}")
    come_back(boot, "a")


def replaced_card(boot):
    """Another hardware address under the known name: accepted, and told."""
    cards = [card for card in some_layout(boot, "one", "two") if card != "a"]
    for card in (*cards, "d"):
        boot.come(card)
    boot.ask("d", *cards)
    boot.restore()
    boot.up("d", *cards)
    boot.answered("d", *cards)
    boot.truth({**where(boot), "wan": "wan"})


def everything_absent(boot):
    cards = some_layout(boot, "one", "two")
    in_order(boot)
    boot.ask(*cards)
    for card in cards:
        boot.late(card)
    boot.answered(*cards)
    boot.truth(where(boot))


def bond(boot, *cards):
    """The bond is there before restore, or is made by who sets up the network, after it."""
    boot.begin("bond")
    for card in cards:
        boot.come(card)
    boot.ask(*cards)
    boot.restore()
    boot.bond(*cards)
    boot.answered(*cards, one_is_enough=True)
    boot.truth({"bond0": "bond0"})


def bond_in_order(boot):
    bond(boot, "a", "b")


def bond_without_its_first_port(boot):
    bond(boot, "b")


def vlan(boot, name):
    boot.begin("vlan")
    boot.come("a", name)
    boot.ask("a", vlan=VLAN)
    boot.restore()
    boot.vlan("a")
    boot.answered("a")
    boot.truth({"uplink": "uplink"})


def vlan_in_order(boot):
    vlan(boot, "wan")


def vlan_on_a_renamed_parent(boot):
    vlan(boot, "eth7")


KINDS = {
    one.__name__: one
    for one in (
        all_there, one_absent, one_renamed, two_swapped, one_late, a_new_one_beside,
        absent_and_a_new_one, absent_and_a_virtual_one, replaced_card, everything_absent, bond_in_order,
        bond_without_its_first_port, vlan_in_order, vlan_on_a_renamed_parent,
    )
}  # fmt: skip
