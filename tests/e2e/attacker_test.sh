#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Attackers' tools, from the attacker's namespace. Whatever they send, the stack behind the programs
# gets only what the matrix names. A second filter, of the kernel's own, stands behind the programs
# and counts everything else.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

PORTS=1-1023,3478,5060-5061,8080,50000
FEW=22,443,5060,5061,8080,50000

counter() { # NAME TABLE: since the last look
    in_ns "$1" nft -j reset counter inet "$2" other | jq '.nftables[] | .counter // empty | .packets'
}

# Since the last call nothing but what the matrix names got through, and nothing else has answered.
guarded() {
    expect_equal 0 "$(counter edge guard)" "packets that got through beside the matrix"
    expect_equal 0 "$(counter attacker answers)" "answers beside the matrix"
}

ports_by_state() { # ADDRESS NMAP-OPTION...: the ports by state, as 443/open
    in_ns attacker timeout $((30 * SLOW)) nmap -n -Pn -T5 --max-retries 1 --min-rate 2000 --host-timeout $((20 * SLOW))s \
        -oG - "${@:2}" "$1" | { grep -oE '[0-9]+/(open|closed|unfiltered)/' || true; } | sed 's|/$||' | paste -sd,
}

# ADDRESS: scans it once for each line "WANT OPTION..." of standard input, all at once. WANT is "none"
# for no port.
expect_scans() {
    local want options process processes=()
    while read -r want options; do
        # shellcheck disable=SC2086 # one word an option
        { expect_equal "${want#none}" "$(ports_by_state "$1" $options)" "nmap $options" || exit 1; } &
        processes+=($!)
    done
    for process in "${processes[@]}"; do wait "$process"; done
}

case_every_scan_of_nmap() {
    expect_scans "$EDGE4" <<END
443/open -sS -p $PORTS
443/open -sT -p $FEW
443/unfiltered -sA -p $FEW
443/closed -sW -p $FEW
443/closed -sM -p $FEW
none -sN -p $FEW
none -sF -p $FEW
none -sX -p $FEW
none -sY -p 22,443,5061
none -sZ -p 22,443,5061
3478/open -sU -p 53,123,161,3477-3479,5060
END
    expect_scans "$EDGE4" <<END
none -sS --scanflags URGACKPSHRSTSYNFIN -p $FEW
none -sS --scanflags SYNFIN -p $FEW
none -sS --scanflags SYNRST -p $FEW
443/closed -sS --scanflags ACKURG -p $FEW
none -sS --scanflags RST -p $FEW
none -sS --scanflags 0 -p $FEW
443/unfiltered -sA --source-port 53 -p $FEW
443/unfiltered -sA --source-port 443 -p $FEW
443/unfiltered -sA --source-port 3478 -p $FEW
END
    # After the ACKs: a SYN opens a flow, whose ACK passes.
    expect_scans "$EDGE4" <<END
443/open -sS --source-port 53 -p $FEW
443/open -sS --source-port 443 -p $FEW
443/open -sS --source-port 3478 -p $FEW
3478/open -sU --source-port 53 -p 53,123,3478,40000
3478/open -sU --source-port 443 -p 53,123,3478,40000
3478/open -sU --source-port 3478 -p 53,123,3478,40000
END
    guarded
}

case_scans_in_disguise() {
    expect_scans "$EDGE4" <<END
none -sS -f -p $FEW
none -sS -f -f -p 22,5060,5061,8080
443/open -sS --mtu 24 -p $FEW
443/open -sS -D $MESSENGER4,$EDGE4,192.0.2.77,ME -p $FEW
443/open -sS --data-length 600 --ttl 255 --ip-options R -p $FEW
none -sS --ip-options L$USER4 -p $FEW
none -sS --badsum -p $FEW
END
    guarded
}

case_scans_by_ipv6() {
    expect_scans "$EDGE6" <<END
443/open -6 -sS -p $PORTS
443/open -6 -sT -p $FEW
443/unfiltered -6 -sA -p $FEW
443/closed -6 -sW -p $FEW
443/closed -6 -sM -p $FEW
none -6 -sN -p $FEW
none -6 -sF -p $FEW
none -6 -sX -p $FEW
3478/open -6 -sU -p 53,123,3478,5060
443/open -6 -sS -g 53 -p $FEW
END
    guarded
}

case_every_protocol() {
    # Protocols that answer: ICMP, since the policy lets anyone ping.
    expect_equal 1/open "$(ports_by_state "$EDGE4" -sO -p 0-5,7-16,18-255)" "protocols that answer"
    guarded
}

crafted() { # HPING-OPTION...: how many of 50 were answered
    # Its status is 1 where nothing answers.
    { in_ns attacker timeout 20 hping3 -q -c 50 -i u200 "$@" "$EDGE4" 2>&1 || true; } |
        grep -o '[0-9]* packets received' | cut -d' ' -f1
}

case_segments_that_hping_makes() {
    # All at once, since each waits a second for answers.
    local options process processes=()
    while read -r options; do
        # shellcheck disable=SC2086 # one word an option
        { expect_equal 0 "$(crafted $options)" "answers to hping3 $options" || exit 1; } &
        processes+=($!)
    done <<END
-p ++1
-F -p ++1
-F -P -U -p ++1
-S -F -p ++1
-S -R -p ++1
-F -R -p ++1
-A -p ++1
-S -A -p ++1
-R -A -p ++1
-X -p ++1
-Y -p ++1
-S -F -R -P -A -U -X -Y -p ++1
-S -p 22 -f
-S -p 5061 -s 5061 -k
-S -p 22 --lsrr $USER4
--udp -p ++40000 -s 3478 -k
--rawip --ipproto 47 -d 40
--rawip --ipproto 6 -d 40
--icmp --icmptype 13
--icmp --icmptype 3 --icmpcode 4 --icmp-ipproto 6
END
    for process in "${processes[@]}"; do wait "$process"; done
    # Its own scan mode lists what answers.
    expect_equal 443 "$(in_ns attacker timeout 30 hping3 --scan 1-600,3478,5060,8080 -S "$EDGE4" 2>&1 |
        awk '/S\.\.A/ { print $1 }' | paste -sd,)" "what hping3 --scan finds"
    guarded
}

case_packets_that_nping_makes() {
    nping() { in_ns attacker timeout 30 nping --rate 500 "$@"; }
    local said
    said=$(nping --tcp -c 2 -p 20-25,5060,8080 --flags none "$EDGE4"
        nping --tcp -c 2 -p 22 --badsum --flags syn "$EDGE4"
        nping --tcp -6 -c 2 -p 22,8080 --flags syn "$EDGE6"
        nping --tcp -c 2 -p 22 --flags syn --mtu 8 "$EDGE4"
        nping --udp -c 20 -g 53 -p 40000 --data-length 1400 "$EDGE4"
        nping --icmp -c 20 --icmp-type 17 "$EDGE4"
        nping --udp -c 2 --tr -p 40000 "$EDGE4")
    expect_equal 7 "$(grep -c 'Rcvd: 0' <<<"$said")" "runs without an answer"
    said=$(nping --tcp-connect -c 1 -p 22,443,5061,8080 "$EDGE4")
    expect_equal 1 "$(grep -oE 'Successful connections: [0-9]+' <<<"$said" | grep -oE '[0-9]+')" connections
    # An ARP request is essential: it alone is answered.
    said=$(nping --arp -c 3 "$EDGE4")
    expect_output_of "$said" "Rcvd: 3"
    guarded
}
expect_output_of() { OUTPUT=$1 expect_output "$2"; }

case_packets_that_scapy_makes_at_random() {
    local mac
    mac=$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')
    in_ns attacker timeout 60 /usr/bin/python3 - "$mac" "$EDGE4" "$EDGE6" "$ATTACKER4" "$ATTACKER6" "${PM_FUZZED:-800}" <<'PYTHON'
import logging, random, socket, sys
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import (ARP, Dot1Q, Ether, GRE, ICMP, ICMPv6EchoReply, ICMPv6PacketTooBig,
                       ICMPv6Unknown, IP, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                       IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, Raw, SCTP, TCP, UDP, fuzz, raw)
mac, edge4, edge6, own4, own6 = sys.argv[1:6]
random.seed(int.from_bytes(b"matrix", "big"))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
v4, v6 = dict(src=own4, dst=edge4), dict(src=own6, dst=edge6)
kinds = [
    lambda: fuzz(IP(**v4)) / fuzz(TCP()),
    lambda: IP(**v4) / fuzz(TCP()),
    lambda: IP(**v4) / fuzz(UDP()) / Raw(random.randbytes(random.randrange(64))),
    lambda: IP(**v4) / fuzz(ICMP()) / raw(IP(src=edge4, dst=own4) / TCP(sport=22)),
    lambda: fuzz(IP(**v4)) / fuzz(UDP()),
    lambda: IP(**v4, proto=random.randrange(256)) / Raw(random.randbytes(40)),
    lambda: IP(**v4) / GRE() / IP(**v4) / TCP(dport=22),
    lambda: IP(**v4) / fuzz(SCTP()),
    lambda: fuzz(IPv6(**v6)) / fuzz(TCP()),
    lambda: IPv6(**v6) / fuzz(UDP()),
    lambda: IPv6(**v6) / fuzz(random.choice([ICMPv6EchoReply, ICMPv6PacketTooBig, ICMPv6Unknown])()),
    lambda: fuzz(IPv6(**v6)) / fuzz(UDP()),
    lambda: fuzz(IP(**v4)) / fuzz(ICMP()),
    lambda: IPv6(**v6) / random.choice([IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                        IPv6ExtHdrRouting])() / TCP(dport=22, flags="S"),
    lambda: Dot1Q(vlan=random.randrange(4096)) / IP(**v4) / fuzz(TCP()),
    lambda: fuzz(ARP(pdst="0.0.0.0", psrc="0.0.0.0")),
]
for number in range(int(sys.argv[6])):
    try:
        frame = raw(Ether(dst=mac) / random.choice(kinds)())
    except Exception:  # not everything that fuzz() thinks of can be built
        continue
    wire.send(frame[:1500])
PYTHON
    guarded
}

case_fragments_that_never_complete() {
    local mac memory
    mac=$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')
    in_ns attacker timeout 60 /usr/bin/python3 - "$mac" "$EDGE4" <<'PYTHON'
import socket, struct, sys
mac, edge = bytes.fromhex(sys.argv[1].replace(":", "")), socket.inet_aton(sys.argv[2])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
for number in range(20000):
    source = struct.pack("!I", (11 << 24) + number)
    body = struct.pack("!HHHH", 40000, 3478, 2000, 0) + bytes(1000)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), number & 0xFFFF, 0x2000, 64, 17, 0) + source + edge
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    wire.send(mac + b"\x02" + bytes(4) + b"\x11\x08\x00" + head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:] + body)
PYTHON
    # shellcheck disable=SC2016 # awk's
    memory=$(in_ns edge awk '/^FRAG:/ { print $5 }' /proc/net/sockstat)
    echo "# $memory bytes wait to be reassembled"
    # The kernel checks the limit before it takes the next fragment, so one may lie above it.
    [ "$memory" -le $(($(in_ns edge sysctl -n net.ipv4.ipfrag_high_thresh) + 65536)) ]
    stun_talks messenger "$EDGE4"
}

case_only_rows_that_the_matrix_names_have_counted() {
    expect_equal "access-sip-tls-in av-stun-in ping-in" "$(pm status --json | jq -r '[.rows[] |
        select(.packets_in > 0 and .section != "essential") | .id] | sort | join(" ")')" "rows with packets"
    pm status --json | jq -r '.drops[] | select(.direction == "in") | "# \(.packets) \(.reason)"'
    tls_talks user "$EDGE4" 443
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_certificate edge
cp "$LAB/edge.crt" "$LAB/trust.pem"
for family in 4 6; do lab_tls_server edge 443 $family; done
lab_stun_server edge "$EDGE4" "$EDGE6"
lab_echo edge 22 5060 8080 50000
lab_await edge tcp4 443
lab_await edge tcp6 443
lab_await edge tcp 22 5060 8080 50000
lab_await edge udp 3478
in_ns edge nft -f - <<'NFT'
table inet guard {
    counter other { }
    chain input {
        type filter hook input priority 0;
        iifname != "eth0" accept
        ct state established accept
        tcp dport 443 tcp flags & (fin | syn | rst | ack) == { syn, rst, ack, fin | ack } accept
        udp dport 3478 accept
        icmp type { echo-request, destination-unreachable, time-exceeded, parameter-problem } accept
        icmpv6 type { echo-request, nd-router-solicit, nd-router-advert, nd-neighbor-solicit,
            nd-neighbor-advert, mld-listener-query, mld-listener-report, mld-listener-done,
            mld2-listener-report, destination-unreachable, packet-too-big, time-exceeded,
            parameter-problem } accept
        ip protocol igmp accept
        counter name other
    }
}
NFT
in_ns attacker nft -f - <<NFT
table inet answers {
    counter other { }
    chain input {
        type filter hook input priority 0;
        ip saddr != $EDGE4 accept
        ip6 saddr != $EDGE6 accept
        tcp sport 443 accept
        udp sport 3478 accept
        icmp type echo-reply accept
        icmpv6 type { echo-reply, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept
        counter name other
    }
}
NFT
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
