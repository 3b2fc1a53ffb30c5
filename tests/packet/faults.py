#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults seeded into the programs, to see that the packet tests catch each of them.

    tests/packet/faults.py [--tests PROGRAM] [--jobs N] [NAME...]

Each fault is one change of one line of bpf/ or maps/, tried in a copy, and the tests that must
fail for it. A fault that still passes, or whose line is not there any more, is a failure. The
last line is a tally.
"""
import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Fault(NamedTuple):
    name: str
    file: str
    line: str  # must stand there exactly once
    instead: str
    tests: str  # at least one of them must fail


PASSES = "*Matrix.PassesAtBothEnds*"

FAULTS = [
    Fault("port-plus-one", "maps/lookup.h", "(destination_port & 0xffff) * 2",
          "((destination_port + 1) & 0xffff) * 2", PASSES),
    Fault("port-minus-one", "maps/lookup.h", "(destination_port & 0xffff) * 2",
          "((destination_port - 1) & 0xffff) * 2", PASSES),
    Fault("source-port-ignored", "maps/lookup.h", "source_port & 0xffff)", "1)",
          "*Matrix.RefusesThePortsBeside*:*SourceRange*"),
    Fault("direction-swapped", "bpf/portmatrix.bpf.c",
          "packet->direction = packet->query.direction = packet->query.opener = hook;",
          "packet->direction = packet->query.direction = packet->query.opener = !hook;", PASSES),
    Fault("ipv6-word-ignored", "bpf/packet.h",
          "(__u64)bpf_ntohl(word[2]) << 32 | bpf_ntohl(word[3])",
          "(__u64)bpf_ntohl(word[2]) << 32 | bpf_ntohl(word[2])", PASSES),
    Fault("interface-ignored", "maps/lookup.h", "zones)[flow->interface & (PM_INTERFACES - 1)]",
          "zones)[0]", "Policy/*"),
    Fault("address-class-off-by-one", "maps/lookup.h", "(__u32)pm_load(view, space->values + at * 2, 2)",
          "(__u32)pm_load(view, space->values + (at ? at - 1 : 0) * 2, 2)", "*Policy*Set*:*Excepted*"),
    Fault("blocked-passes-to-matrix", "maps/lookup.h", "if (cell == PM_CELL_BLOCKED)",
          "if (0)", "*Policy*Blocked*"),
    Fault("failsafe-below-block", "maps/lookup.h", "if (cell & PM_CELL_FAILSAFE)",
          "if (0)", "*FailsafeOverBlock*"),
    Fault("dates-turned-round", "bpf/judge.h", "if (query->age == AGE_UNKNOWN)",
          "if (query->age != AGE_UNKNOWN)", "Dates.*"),
    Fault("age-of-a-flow-ignored", "bpf/flow_table.h",
          "packet->query.age = age_of(flow, stamp_now());", None, "Dates.*"),
    Fault("own-address-accepted", "maps/lookup.h", "return PM_DROP_OWN_ADDRESS_SPOOFED;",
          None, "*Addresses*Own*:*Addresses*Land*"),
    Fault("own-source-unasked", "bpf/judge.h", "pm_may_be_own(image, &flow->remote)))", "0))",
          "*OwnAddressToAClosedPort*"),
    Fault("more-headers-unread", "bpf/parse.h", "if (reason == PM_UNDECIDED && has_more_headers(packet))",
          "if (0)", "*Extension*:*Option*:Differential.*"),
    Fault("vlan-not-parsed", "bpf/parse.h", "return ethertype == ETH_8021Q ||",
          "return 0 && ethertype == ETH_8021Q ||", "*Ethernet*Tag*"),
    Fault("second-vlan-not-parsed", "bpf/parse.h", "tag <= VLAN_TAGS_MAX; tag++",
          "tag < 1; tag++", "*Ethernet*DoubleTagged*"),
    Fault("multicast-source-accepted", "bpf/parse.h", "if (eth[ETH_ALEN] & 1)", "if (0)",
          "*MulticastSource*"),
    Fault("ipv4-options-shift-ports", "bpf/parse_ip.h", "packet->l4 = packet->l3 + header;",
          "packet->l4 = packet->l3 + sizeof(*ip);", "*Ipv4*Option*"),
    Fault("source-route-accepted", "bpf/parse_ip.h",
          "if (byte == IPV4_OPTION_LOOSE_ROUTE || byte == IPV4_OPTION_STRICT_ROUTE)", "if (0)",
          "*SourceRoute*"),
    Fault("option-without-a-length-accepted", "bpf/parse_ip.h", "return !is_length;", "return 1;",
          "*Option*"),
    Fault("option-beyond-its-header-accepted", "bpf/parse_ip.h",
          "if (byte < 2 || i - 1 + byte > options->length)", "if (byte < 2)", "*Option*"),
    Fault("routing-header-accepted", "bpf/parse_ip.h",
          "if (next == IPV6_ROUTING || next == IPV6_NO_NEXT ||", "if (next == IPV6_NO_NEXT ||", "*V6Routing*"),
    Fault("total-length-ignored", "bpf/parse_ip.h", "packet->l4_length = total - header > IP_BYTES_MAX",
          "packet->l4_length = 64; header > IP_BYTES_MAX", "*V4TotalCutsTcp*"),
    Fault("truncated-tcp-accepted", "bpf/parse_l4.h", "header > packet->l4_length ||", "",
          "*TcpHeaderBeyondEnd*"),
    Fault("truncated-udp-accepted", "bpf/parse_l4.h",
          "if (!udp || packet->l4_length < sizeof(*udp))", "if (!udp)",
          "*Fragments.AFirstMustHold*"),
    Fault("tcp-flags-ignored", "bpf/parse_l4.h", "return tcp_flags_are_fine(packet->tcp_flags) ?",
          "return 1 ?", "*TcpFlags*"),
    Fault("ports-out-of-a-later-fragment", "bpf/parse_l4.h",
          "if (packet->fragment == LATER_FRAGMENT)\n\t\treturn PM_UNDECIDED;\n\tif (packet->query",
          "if (packet->query", "*Fragments*"),
    Fault("fragments-of-any-datagram", "bpf/fragment.h", ".id = packet->fragment_id,", ".id = 0,",
          "*Fragments.IdAddresses*"),
    Fault("fragments-forever", "bpf/fragment.h",
          "is_over(first->seen, bpf_jiffies64(), PM_TIMEOUT_FRAGMENT)", "0",
          "*Fragments.AFirstIsRemembered*"),
    Fault("lost-packet-counter", "bpf/conclude.h", "row->packets[way] += packet->segments;", "",
          PASSES),
    Fault("lost-byte-counter", "bpf/conclude.h", "\t\tcount->bytes += packet->bytes;", "",
          "*Matrix.RefusesThePorts*"),
    Fault("audit-drops", "bpf/conclude.h", "return packet->audit;", "return 0;", "Modes.Audit*"),
    Fault("epoch-read-twice", "bpf/portmatrix.bpf.c", "return conclude(ctx, hook, &packet, verdict);",
          "{ struct query again = {}; packet.audit = load_policy(&again) == PM_MODE_AUDIT; }\n"
          "\treturn conclude(ctx, hook, &packet, verdict);", "Switching.*"),
    Fault("deadline-ignored", "bpf/epoch.h",
          "if (record->deadline && bpf_ktime_get_boot_ns() > record->deadline) {", "if (0) {",
          "Deadline.*"),
    Fault("old-epoch-passes", "bpf/flow_table.h",
          "return (__s32)(flow->epoch - query->sequence) < 0;", "return 0;",
          "Flow.ANewBlock*:Flow.ANewPolicyWithout*"),
    Fault("flows-never-expire", "bpf/flow_table.h", "__u32 idle = now + STAMP_AHEAD - flow->last;",
          "__u32 idle = 0 * now;", "Flow.*Expire*"),
    Fault("any-segment-opens", "bpf/packet.h",
          "return packet->query.flow.protocol != PM_PROTO_TCP || is_syn(packet);", "return 1;",
          "Flow.EverySegment*"),
    Fault("unlisted-destination-admitted", "bpf/place.h",
          "(!image.base || !pm_is_own(image, local)))", "0)", "Places.*"),
    Fault("failsafe-destination-refused", "bpf/place.h",
          "!(packet->judged.row.flags & PM_ROW_FAILSAFE) &&", "", "Places.*"),
    Fault("what-stays-refused", "bpf/place.h", "!(place & PM_PLACE_STAYS) &&", "", "Places.*"),
    Fault("routed-destination-admitted", "bpf/place.h",
          "return is_routed(ctx, packet);", "is_routed(ctx, packet); return 0;", "Places.*"),
    Fault("listed-destination-alone-admitted", "bpf/place.h",
          "place & PM_PLACE_OWN)", "0)", "Places.*"),
    Fault("guests-take-own-turns", "bpf/pace.h",
          "packet->handed_over ? PM_PACE_GUEST : essential", "essential", "Pace*"),
    Fault("guests-make-neighbours", "bpf/essentials.h", "	    !packet->handed_over)", "	    1)",
          "Pace*"),
    Fault("any-acknowledgement-vouches", "bpf/handshake.h",
          "return expected && bpf_ntohl(tcp->ack_seq) == *expected;", "return expected != NULL;",
          "Handshake.*"),
    Fault("rst-vouches", "bpf/handshake.h", "(TCP_ACK | TCP_RST)) != TCP_ACK",
          "TCP_ACK) != TCP_ACK", "Handshake.*"),
    Fault("handshake-unawaited", "bpf/handshake.h",
          "if (flow->vouched != PM_VOUCH_AWAITED || ", "if (", "Handshake.*:Differential.Seq*"),
    Fault("handshake-without-a-syn-ack", "bpf/handshake.h", "is_synack(packet) &&",
          "packet->query.flow.protocol == PM_PROTO_TCP &&", "Handshake.*"),
    Fault("routes-of-the-port", "bpf/place.h", "route.ifindex = named->ifindex;",
          "route.ifindex = ctx->ingress_ifindex;", "Places.*"),
    Fault("handed-over-unasked", "bpf/portmatrix.bpf.c",
          "if (hook == PM_OUT && !stateless && packet->handed_over", "if (0", "Places.*"),
    Fault("handed-over-essentials-refused", "bpf/portmatrix.bpf.c", "!is_of_link(packet) &&", "",
          "Places.*"),
    Fault("handed-over-dhcp-passes", "bpf/essentials.h", "	    packet->handed_over)", "	    0)",
          "Places.*"),
    Fault("unlisted-source-passes", "bpf/place.h",
          "if (!image.base || !pm_is_own(image, local))", "if (!image.base)", "Places.*"),
    Fault("ipv6-source-believed", "bpf/place.h",
          "!(pm_field(image, pm_image, flags) & PM_IMAGE_HANDED_OVER_IPV6))", "0)", "Places.*"),
    Fault("ipv6-source-never-believed", "bpf/place.h",
          "!(pm_field(image, pm_image, flags) & PM_IMAGE_HANDED_OVER_IPV6))", "1)", "Places.*"),
    Fault("bridged-source-believed", "bpf/place.h",
          "return !(place_of(packet, local) & PM_PLACE_ROUTED);",
          "return !(place_of(packet, local) & PM_PLACE_OWN);", "Places.*"),
    Fault("echo-identifier-ignored", "bpf/packet.h", "query->flow.local_port = identifier;",
          "query->flow.local_port = 0;", "Flow.EchoReplies*"),
    Fault("neighbour-from-afar", "bpf/essentials.h", "packet->hop_limit == HOP_LIMIT_MAX &&", "",
          "*NeighbourHopLimit*"),
    Fault("fragment-of-anybody", "bpf/fragment.h",
          "if (!is_permitted_without_ports(&packet->query))", "if (0)",
          "*Fragments.ALaterOneBetweenOthers*"),
    Fault("fragment-of-the-banned", "bpf/judge.h", "*bans_view = view_of(&bans, query->bans - 1, pm_bans_mask);",
          "*bans_view = view_of(&bans, query->bans - 1, pm_bans_mask); bans_view->base = NULL; return 1;",
          "*Fragments.ALaterOneBetweenOthers*"),
    Fault("fragment-of-this-host-follows-nothing", "bpf/fragment.h",
          "return packet->direction == PM_IN ? FRAGMENT_ALONE", "return 1 ? pass(PM_ESSENTIAL_FRAGMENT)",
          "*Fragments.ALaterOneMay*"),
    Fault("fragment-without-a-pace", "bpf/fragment.h",
          "if (!is_within_pace(PM_ESSENTIAL_FRAGMENT, PM_IN))", "if (0)", "*Fragments.LaterOnesAlone*"),
    Fault("forgotten-without-a-pace", "bpf/admit.h", "!is_within_pace(PM_PACE_FORGOTTEN, hook)", "0",
          "Sockets.ForgottenConnections*"),
    Fault("forgotten-by-any-flags", "bpf/admit.h",
          "if (hook == PM_IN ? is_rst : !is_rst)", "if (0)", "Sockets.AForgotten*"),
    Fault("forgotten-of-this-host", "bpf/admit.h",
          "if (opener == PM_OUT) {\n\t\tpacket->query.opener = PM_IN;",
          "if (opener == PM_OUT && hook == PM_OUT) {\n\t\tpacket->query.opener = PM_IN;", "Sockets.AForgotten*"),
    Fault("forgotten-by-another-row", "bpf/admit.h",
          "packet->query.opener = PM_IN;\n\t\tjudge(&packet->query, &packet->judged);", "return refused;",
          "Sockets.TheRst*"),
    Fault("forgotten-answers-to-afar", "bpf/admit.h",
          "return drop_of(PM_DROP_FORWARDED, judged->row.slot);\n\treturn pass", "return pass(judged->row.slot);\n\treturn pass",
          "ForgottenForwarding.*"),
    Fault("igmp-from-afar", "bpf/igmp.h", "place_of(packet, source) & PM_PLACE_ON_LINK;",
          "1;", "*Igmp*FromAfar"),
    Fault("places-of-every-interface", "bpf/place.h",
          ".interface = packet->query.flow.interface,", ".interface = pm_interface + 1,",
          "*Igmp*AnotherInterface:*Igmp*ReportV2"),
    Fault("igmp-of-any-ttl", "bpf/igmp.h", "packet->hop_limit != 1 ||", "0 ||", "*Igmp*Ttl*"),
    Fault("igmp-of-any-length", "bpf/igmp.h",
          "int is_short = packet->l4_length == sizeof(*igmp);", "int is_short = 1;", "*Igmp*Long"),
    Fault("igmp-without-an-alert", "bpf/igmp.h", "*option == bpf_htonl(IPV4_ROUTER_ALERT);", "1;",
          "*Igmp*Alert:*Igmp*OtherOptions"),
    Fault("igmp-query-of-any-length", "bpf/igmp.h",
          "packet->l4_length == sizeof(*query) + bpf_ntohs(query->sources) * sizeof(__be32) &&",
          "packet->l4_length >= sizeof(*query) &&", "*Igmp*Sources"),
    Fault("igmp-query-to-any-group", "bpf/igmp.h", "if (to != (group ? group : IGMP_ALL_HOSTS))",
          "if (0)", "*Igmp*Query*"),
    Fault("igmp-to-hosts", "bpf/igmp.h", "|| to >> 28 != IPV4_MULTICAST_PREFIX", "",
          "*Igmp*ToAHost:*Igmp*OfTheHostItself"),
    Fault("dhcp-answers-forever", "bpf/essentials.h",
          "!is_over(client->asked[v6], now, PM_TIMEOUT_DHCP)", "1", "Flow.Dhcp*"),
    Fault("icmp-error-for-anyone", "bpf/related.h", "!is_same(&source, &icmp->query.flow.local)",
          "0", "Flow.AnIcmpErrorPasses*"),
    Fault("stamp-ahead-is-old", "bpf/flow_table.h", "__u32 idle = now + STAMP_AHEAD - flow->last;",
          "__u32 idle = now + 1 - flow->last; idle = idle <= 1 ? 0 : idle;", "Flow.AStamp*"),
    Fault("stamps-unsigned", "bpf/clock.h", "(__s64)(now - then) > (__s64)seconds * pm_hz",
          "now - then > (__u64)seconds * pm_hz", "Flow.AStamp*"),
    Fault("syn-of-a-live-flow-passes", "bpf/portmatrix.bpf.c",
          "if (verdict == UNDECIDED && !is_syn(&packet))", "if (verdict == UNDECIDED)",
          "Flow.ASyn*:*Row031*:*Row032*"),
    Fault("gso-counted-once", "bpf/packet.h", "frame.segments = segments;", "", "Counting.AGso*"),
    Fault("limit-never-reached", "bpf/limit.h", "if (start - now > early)", "if (0)",
          "*Row050*"),
    Fault("essentials-without-a-pace", "bpf/pace.h",
          "return is_within_pace(packet->handed_over ? PM_PACE_GUEST : essential, packet->direction)",
          "return 1", "Pace.EssentialsBeyond*"),
    Fault("solicitations-are-no-questions", "bpf/pace.h",
          "return packet->icmp_type == ICMPV6_NEIGHBOUR_SOLICITATION;", "return 0;", "Pace.Questions*"),
    Fault("questions-for-others-count", "bpf/pace.h", "return pm_is_own(image, &target);", "return 1;",
          "Pace.Questions*:Pace.AFlood*"),
    Fault("neighbour-not-remembered", "bpf/pace.h", "neighbour->asked = bpf_jiffies64();", "",
          "Pace.WhomThisHost*"),
    Fault("neighbour-for-ever", "bpf/pace.h",
          "!is_over(neighbour->asked, bpf_jiffies64(), PM_TIMEOUT_NEIGHBOUR) &&", "", "Pace.WhomThisHost*"),
    Fault("neighbour-without-a-pace", "bpf/pace.h",
          "is_within(&neighbour->scheduled, PM_NEIGHBOUR_PACE, PM_NEIGHBOUR_BURST)", "1",
          "Pace.ANeighbour*"),
    Fault("row-limit-by-peer", "bpf/limit.h", "if (row->flags & PM_ROW_LIMIT_ROW)", "if (0)",
          "CatalogueIcmp.Row163*"),
    Fault("limit-shared-by-peers", "bpf/limit.h", ".peer = packet->query.flow.remote,", "",
          "*Row050*"),
    Fault("any-record-is-tls", "bpf/payload.h", "p->here >= 1 && p->byte[0] == TLS_HANDSHAKE &&",
          "p->here >= 1 &&", "Tls/Payloads*"),
    Fault("unpadded-msturn-refused", "bpf/payload.h",
          "payload_u16(p, 2) != p->length - STUN_HEADER_BYTES)",
          "payload_u16(p, 2) != p->length - STUN_HEADER_BYTES || p->length % 4)", "MsTurn/Payloads*"),
    Fault("answers-are-checked", "bpf/flow_state.h", "if (packet->direction != opener ||",
          "if (", "Checked.*"),
    Fault("later-fragment-to-a-group-dropped", "bpf/admit.h",
          "if (packet->fragment == LATER_FRAGMENT && opener == packet->direction &&", "if (0 &&",
          "*Fragments.ALaterOneToAGroup*"),
    Fault("cut-fragment-accepted", "bpf/parse_ip.h",
          "if ((offset & IPV4_MORE_FRAGMENTS) && (total - header) & 7)",
          "if (0)", "*Fragments.AllButTheLast*V4"),
    Fault("cut-ipv6-fragment-accepted", "bpf/parse_ip.h",
          "((field & IPV6_MORE_FRAGMENTS) && (end - offset) & 7) ||", "",
          "*Fragments.AllButTheLast*V6"),
    Fault("quoted-fragment-unknown", "bpf/related.h",
          "if (next != IPV6_HOP_BY_HOP && next != IPV6_DESTINATION && next != IPV6_FRAGMENT) {",
          "if (next != IPV6_HOP_BY_HOP && next != IPV6_DESTINATION) {", "Flow.AnIcmpv6ErrorMayQuote*"),
    Fault("quoted-later-fragment-accepted", "bpf/related.h",
          "*(const __be16 *)(header + 2) & bpf_htons(IPV6_FRAGMENT_OFFSET)", "0",
          "Flow.AnIcmpv6ErrorMayQuote*"),
    Fault("mismatch-not-counted", "bpf/conclude.h", "count_mismatch(pm_row_of(verdict));", ";",
          "Checked.EveryMismatch*"),
    Fault("waiting-check-forgotten", "bpf/flow_state.h", "return flow && !flow->moved ? flow->check : 0;",
          "return 0;", "SocketsChecked.AClientThatWaits*"),
    Fault("forgotten-connection-asked-again", "bpf/admit.h",
          "find_socket_xdp(ctx, packet) == LIVE_SOCKET) {", "0) {", "SocketsChecked.AForgedSyn*"),
    Fault("other-opener-stays-assured", "bpf/flow_table.h",
          "*old = flow;\n\t} else if (!take_promotion_turn", ";\n\t} else if (!take_promotion_turn",
          "Promotion.AnEntryOfTheOther*"),
    Fault("other-opener-keeps-its-entry", "bpf/flow_table.h", "old->opener != is->opener || is_expired(old, key",
          "is_expired(old, key", "Sockets.*TheOther*"),
    Fault("closing-entry-of-the-other-opener", "bpf/reopen.h",
          "if (flow->opener != packet->direction) {", "if (0) {", "Sockets.*TheOther*"),
    Fault("forged-syn-arms-the-check", "bpf/reopen.h",
          "if (is_proved) {\n\t\tflow->check", "{\n\t\tflow->check",
          "Checked.AForgedSyn*"),
    Fault("ack-hides-an-rst", "bpf/flow_state.h",
          "marks &= ~PM_FLOW_RESET; /* an", "marks &= ~(PM_FLOW_RESET | PM_FLOW_ENDING); /* an",
          "Checked.ASegmentAfterAnRst*:*Row050Ports*"),
    Fault("rst-of-a-socket-forgotten", "bpf/admit.h", "PM_FLOW_ESTABLISHED | end_marks(packet)",
          "PM_FLOW_ESTABLISHED", "SocketsChecked.AnRst*"),
    Fault("any-syn-ack-begins-another", "bpf/flow_state.h",
          "if (packet->direction == PM_OUT && flow->check_after_synack)",
          "if (packet->direction == PM_OUT)", "Checked.ASynAckThatIsSentAgain*"),
    Fault("syn-in-fragments-unasked", "bpf/flow_state.h",
          "return packet->payload_length || packet->fragment != NOT_FRAGMENT;",
          "return packet->payload_length;", "SocketsChecked.ASynInFragments*"),
    Fault("half-open-unasked", "bpf/admit.h",
          "half_open = hook == PM_IN && opener == PM_IN && socket == HALF_OPEN_SOCKET;",
          "half_open = 0;", "SocketsChecked.WhatCompletes*"),
    Fault("dead-connection-not-followed", "bpf/reopen.h",
          "!is_of_connection(find_socket_xdp(ctx, packet));", "0;", "SocketsChecked.WhatFollows*"),
    Fault("what-a-peer-began-goes-on", "bpf/reopen.h", "flow->marks |= PM_FLOW_OVER;", "",
          "Checked.WhatThisHostOpens*"),
    Fault("neighbour-in-an-atomic-fragment", "bpf/essentials.h",
          "packet->fragment_protocol == 0;", "packet->fragment == NOT_FRAGMENT;",
          "*Row025*:*Neighbour*"),
    Fault("listener-vouches-for-any", "bpf/socket.h", "if (state == BPF_TCP_LISTEN)", "if (0)",
          "Sockets.*"),
]


def break_copy(fault: Fault, folder: pathlib.Path) -> str:
    """Why the fault cannot be seeded, or nothing."""
    for name in ("bpf", "maps"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Makefile.bpf", folder)
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/tool", folder / "scripts")  # by which it finds clang
    path = folder / fault.file
    text = path.read_text()
    if fault.instead is None:  # every such line
        count, text = text.count(fault.line) and 1, text.replace(fault.line, ";")
    else:
        count, text = text.count(fault.line), text.replace(fault.line, fault.instead)
    if count != 1:
        return f"{fault.file} has its line {count} times"
    path.write_text(text)
    build = subprocess.run(["make", "-s", "-f", "Makefile.bpf", "OUTPUT=out",
                            "BPF_CFLAGS=-Wno-error", "out/portmatrix.bpf.o"],
                           cwd=folder, capture_output=True, text=True, check=False)
    return f"it does not build:\n{build.stderr}" if build.returncode else ""


def run_tests(program: str, chosen: str, folder: pathlib.Path) -> subprocess.CompletedProcess:
    environment = dict(os.environ, PM_BPF_OBJECT=str(folder / "out/portmatrix.bpf.o"),
                       GTEST_OUTPUT="", GTEST_FILTER=chosen, GTEST_BRIEF="1", PM_PAIRS="5000")
    return subprocess.run([program], env=environment, capture_output=True, text=True, check=False)


def seed(fault: Fault, program: str) -> tuple[Fault, str, str, float]:
    """The fault, what is wrong with the tests, or the test that caught it; and the seconds."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pm-fault-") as name:
        folder = pathlib.Path(name)
        wrong, caught = break_copy(fault, folder), ""
        if not wrong:
            result = run_tests(program, fault.tests, folder)
            failed = [line for line in result.stdout.splitlines() if "[  FAILED  ]" in line]
            if failed:
                caught = failed[0].replace("[  FAILED  ]", "").split(",")[0].split(" (")[0].strip()
            elif result.returncode:
                wrong = "the tests did not run:\n" + result.stderr[-2000:]
            else:
                wrong = f"no test of {fault.tests} fails"
    return fault, wrong, caught, time.monotonic() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", default=str(ROOT / "build/release/tests/pm_packet"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    unknown = set(options.names) - {fault.name for fault in FAULTS}
    if unknown:
        parser.error(f"there is no fault {', '.join(sorted(unknown))}")
    chosen = [fault for fault in FAULTS if not options.names or fault.name in options.names]

    failures = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for fault, wrong, caught, seconds in pool.map(lambda f: seed(f, options.tests), chosen):
            failures += bool(wrong)
            print(f"{'not ok' if wrong else 'ok':8}{fault.name:32} {seconds:5.1f} s  "
                  f"{wrong or 'caught by ' + caught}", flush=True)
    print(f"{len(chosen) - failures} passed, {failures} failed, 0 skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
