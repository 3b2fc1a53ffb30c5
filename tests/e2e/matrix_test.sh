#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The published matrix with real programs. What it lists works, in both families and both directions. What it
# does not list is closed although something listens. The counters are exact.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

open_ports() { # NAME ADDRESS [NMAP-OPTION...]: what nmap calls open, as 443,5061
    local name=$1 address=$2
    shift 2
    in_ns "$name" nmap -n -Pn -T5 --max-retries 1 --min-rate 20000 -oG - "$@" "$address" |
        grep -o '[0-9]*/open/' | cut -d/ -f1 | paste -sd,
}

case_everything_is_open_before() {
    mutual_tls_talks attacker "$EDGE4" 5061
    tcp_talks attacker "$EDGE4" 22
    tcp_talks attacker "$EDGE6" 8080
    tcp_talks edge "$MESSENGER4" 49999
}

case_apply() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
}

case_sip_mtls_in() {
    mutual_tls_talks partner "$EDGE4" 5061
    mutual_tls_talks partner "$EDGE6" 5061
    expect_equal 2 "$(row_count access-sip-mtls-in flows_total)" flows
    refused mutual_tls_talks attacker "$EDGE4" 5061
    refused mutual_tls_talks user "$EDGE6" 5061
    expect_equal 2 "$(row_count access-sip-mtls-in flows_total)" flows
}

case_sip_mtls_out() {
    mutual_tls_talks edge "$PARTNER4" 5061
    mutual_tls_talks edge "$PARTNER6" 5061
    expect_equal 2 "$(row_count access-sip-mtls-out flows_total)" flows
}

case_sip_tls_in() {
    tls_talks user "$EDGE4" 443
    tls_talks user "$EDGE6" 443
    tls_talks attacker "$EDGE4" 443
    expect_equal 3 "$(row_count access-sip-tls-in flows_total)" flows
}

case_media_out_by_port() {
    tcp_talks edge "$MESSENGER4" 50000
    tcp_talks edge "$MESSENGER4" 59999
    tcp_talks edge "$MESSENGER6" 50000
    tcp_talks edge "$MESSENGER6" 59999
    expect_equal 4 "$(row_count av-rtp-tcp-out flows_total)" flows
    refused tcp_talks edge "$MESSENGER4" 49999
    refused tcp_talks edge "$MESSENGER6" 60000
    expect_equal 4 "$(row_count av-rtp-tcp-out flows_total)" flows
}

case_media_out_by_source_port() {
    tcp_talks edge "$MESSENGER4" 443 50001
    tcp_talks edge "$MESSENGER6" 8443 59999
    expect_equal 2 "$(row_count av-rtp-tcp-relay-out flows_total)" flows
    refused tcp_talks edge "$MESSENGER4" 443 49999
    refused tcp_talks edge "$MESSENGER6" 8443 60000
}

case_media_is_not_open_inwards() {
    refused tcp_talks messenger "$EDGE4" 50000
    refused tcp_talks messenger "$EDGE6" 50000
}

case_stun_both_ways() {
    stun_talks messenger "$EDGE4"
    stun_talks messenger "$EDGE6"
    expect_equal 2 "$(row_count av-stun-in flows_total)" flows
    stun_talks edge "$MESSENGER4"
    stun_talks edge "$MESSENGER6"
    expect_equal 2 "$(row_count av-stun-out flows_total)" flows
}

case_listeners_outside_the_matrix_are_closed() {
    refused tcp_talks attacker "$EDGE4" 22
    refused tcp_talks attacker "$EDGE6" 22
    refused tcp_talks partner "$EDGE4" 5060
    refused tcp_talks partner "$EDGE6" 8080
}

case_administrators_reach_ssh() {
    tcp_talks user "$EDGE4" 22
    tcp_talks user "$EDGE6" 22
    expect_equal 2 "$(row_count ssh-admins flows_total)" flows
}

case_scans_see_the_matrix_and_nothing_else() {
    expect_equal 443 "$(open_ports attacker "$EDGE4" -sS -p-)" "tcp for the attacker"
    expect_equal 443 "$(open_ports attacker "$EDGE6" -6 -sS -p 1-1023,3478,5060-5061,8080,50000)" \
        "tcp for the attacker, IPv6"
    expect_equal 443,5061 "$(open_ports partner "$EDGE4" -sS -p 1-6000,8080,50000)" \
        "tcp for a partner"
    expect_equal 3478 "$(open_ports attacker "$EDGE4" -sU -p 53,123,3477-3479,5060,5061)" \
        "udp for the attacker"
}

case_scans_from_a_permitted_port_gain_nothing() {
    expect_equal 443 "$(open_ports attacker "$EDGE4" -sS -g 5061 -p 1-6000,50000)" "tcp from 5061"
    # A bare ACK is answered where a SYN is, and nowhere else.
    in_ns attacker nmap -n -Pn -T5 -sA -p 22,443,5060,8080 -oG "$LAB/ack" "$EDGE4" >/dev/null
    expect_equal 443/unfiltered "$(grep -oE '[0-9]+/unfiltered' "$LAB/ack")" "answers to an ACK"
}

case_pings_are_counted_exactly() {
    local before_in before_bytes before_out
    before_in=$(row_count ping-in packets_in)
    before_bytes=$(row_count ping-in bytes_in)
    before_out=$(row_count ping-in packets_out)
    pings user "$EDGE4" 40
    expect_equal $((before_in + 40)) "$(row_count ping-in packets_in)" "packets in"
    expect_equal $((before_bytes + 40 * 84)) "$(row_count ping-in bytes_in)" "bytes in"
    expect_equal $((before_out + 40)) "$(row_count ping-in packets_out)" "packets out"
    pings user "$EDGE6" 10
    expect_equal $((before_in + 50)) "$(row_count ping-in packets_in)" "packets in"
    expect_equal $((before_bytes + 40 * 84 + 10 * 104)) "$(row_count ping-in bytes_in)" "bytes in"
}

case_datagrams_are_counted_exactly() {
    local packets bytes flows
    packets=$(row_count av-stun-in packets_in)
    bytes=$(row_count av-stun-in bytes_in)
    flows=$(row_count av-stun-in flows_total)
    send_datagrams messenger "$EDGE4" 3478 25 100
    send_datagrams messenger "$EDGE6" 3478 5 100
    expect_equal $((packets + 30)) "$(row_count av-stun-in packets_in)" packets
    expect_equal $((bytes + 25 * 128 + 5 * 148)) "$(row_count av-stun-in bytes_in)" bytes
    expect_equal $((flows + 2)) "$(row_count av-stun-in flows_total)" flows
}

case_drops_are_counted_exactly() {
    local packets bytes
    packets=$(drop_count in no-service)
    bytes=$(drop_count in no-service bytes)
    send_datagrams attacker "$EDGE4" 9 30 72
    expect_equal $((packets + 30)) "$(drop_count in no-service)" packets
    expect_equal $((bytes + 3000)) "$(drop_count in no-service bytes)" bytes
    packets=$(drop_count in no-role)
    in_ns edge ip address add 203.0.113.99/32 dev eth0
    send_datagrams attacker 203.0.113.99 3478 7 10
    expect_equal $((packets + 7)) "$(drop_count in no-role)" "packets to an address in no role"
    in_ns edge ip address delete 203.0.113.99/32 dev eth0
}

# Segments that the kernel handles as one are counted as they are on the wire, here between two ports of
# the bridge.
case_a_transfer_is_counted_as_the_wire_sees_it() {
    in_ns edge ethtool -K eth0 tso off >/dev/null
    in_ns messenger ethtool -K eth0 tso off >/dev/null
    in_ns net nft -f - <<'NFT'
table netdev wire {
    counter out { }
    counter in { }
    chain edge { type filter hook ingress device "edge" priority 0; tcp dport 50000 counter name out; }
    chain messenger {
        type filter hook ingress device "messenger" priority 0; tcp sport 50000 counter name in;
    }
}
NFT
    local before after direction field
    before=$(pm status --json)
    head -c 3000000 /dev/zero |
        in_ns edge socat -t $((10 * SLOW)) - "TCP:$MESSENGER4:50000" | cmp -s - <(head -c 3000000 /dev/zero)
    wait_for 20 nothing_on_its_way
    after=$(pm status --json)
    for direction in in out; do
        for field in packets bytes; do
            expect_equal "$(on_the_wire $direction $field)" \
                $(($(row_count av-rtp-tcp-out "${field}_$direction" - <<<"$after") -
                    $(row_count av-rtp-tcp-out "${field}_$direction" - <<<"$before"))) \
                "$field $direction"
        done
    done
    [ "$(on_the_wire out packets)" -gt 2000 ]
}

on_the_wire() { # in|out packets|bytes
    in_ns net nft -j list counter netdev wire "$1" |
        jq ".nftables[] | .counter // empty | .$2"
}

nothing_on_its_way() { ! in_ns edge ss -Htn state established "dport = :50000" | grep . >/dev/null; }

# One or two VLAN tags in the frame: the same row, the same counters.
case_tagged_frames_are_judged_alike() {
    local packets drops tags offload
    # With the offload, the first tag is in the metadata, where XDP does not see it.
    for offload in on off; do
        in_ns net ethtool -K edge txvlan $offload >/dev/null
        for tags in 100 0 100,200; do
            packets=$(row_count av-stun-in packets_in)
            drops=$(drop_count in no-service)
            tagged_datagrams "$tags" 3478 5
            tagged_datagrams "$tags" 9 3
            expect_equal $((packets + 5)) "$(row_count av-stun-in packets_in)" "passed with tags $tags"
            expect_equal $((drops + 3)) "$(drop_count in no-service)" "dropped with tags $tags"
        done
    done
    drops=$(drop_count in malformed-ethernet)
    tagged_datagrams 1,2,3 3478 2
    expect_equal $((drops + 2)) "$(drop_count in malformed-ethernet)" "dropped with three tags"
}

tagged_datagrams() { # TAG,... PORT COUNT: from the user, as raw frames
    local mac
    mac=$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')
    in_ns user /usr/bin/python3 - "$mac" "$EDGE4" "$USER4" "$@" <<'PYTHON'
import logging, sys
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import Dot1Q, Ether, IP, UDP, sendp
mac, edge, user, tags, port, count = sys.argv[1:]
frame = Ether(dst=mac)
for tag in tags.split(","):
    frame /= Dot1Q(vlan=int(tag))
frame /= IP(src=user, dst=edge) / UDP(sport=40000, dport=int(port)) / b"matrix"
sendp(frame, iface="eth0", count=int(count), verbose=False)
PYTHON
}

has_vlan_devices() {
    in_ns user ip link add link eth0 name try type vlan id 9 2>/dev/null &&
        in_ns user ip link delete try
}

vlan_devices_are_judged_alike() {
    local name address
    for name in edge user; do
        in_ns "$name" ip link add link eth0 name eth0.100 type vlan id 100
        in_ns "$name" ip link set eth0.100 up
    done
    address=$(in_ns user ip -j address show dev eth0 | jq -r '.[0].address')
    [ -n "$address" ]
    in_ns edge ip address add "$VLAN_EDGE/25" dev eth0.100
    in_ns user ip address add "$VLAN_USER/25" dev eth0.100
    tls_talks user "$VLAN_EDGE" 443
    pings user "$VLAN_EDGE" 5
    refused tcp_talks user "$VLAN_EDGE" 22
    refused mutual_tls_talks user "$VLAN_EDGE" 5061
    # The tag is in the frame, not in its metadata. The verdict is the same.
    in_ns user ethtool -K eth0 txvlan off >/dev/null
    tls_talks user "$VLAN_EDGE" 443
    refused tcp_talks user "$VLAN_EDGE" 22
}

case_what_changes_the_interface_opens_nothing() {
    local change
    for change in "ethtool -K eth0 gro off tso off gso off" "ethtool -K eth0 gro on tso on gso on" \
        "ethtool -L eth0 rx 1 tx 1" "ip link set eth0 promisc on" "ip link set eth0 mtu 1400"; do
        # shellcheck disable=SC2086 # one word an argument
        in_ns edge $change >/dev/null 2>&1 || echo "# the driver refuses: $change"
        tls_talks user "$EDGE4" 443
        refused tcp_talks attacker "$EDGE4" 22
    done
    in_ns edge ip link set eth0 promisc off mtu 1500
}

case_flows_list_what_is_alive() {
    in_ns user ping -n -q -c 1 -W 2 "$EDGE4" >/dev/null
    pm flows --json --row ping-in | jq -es --arg remote "$USER4" \
        'any(.[]; .remote == $remote and .transport == "icmp" and .direction == "in")'
}

case_status_shows_what_saw_packets() {
    local before
    in_ns user ping -n -q -c 1 -W 2 "$EDGE4" >/dev/null
    pm status >"$LAB/status"
    grep -E "^  ping-in +in +[0-9]" "$LAB/status"
    refused grep -F ntp-out "$LAB/status"
    refused grep -E ".{81}" "$LAB/status"
    pm status --all | grep -E "^  ntp-out .* 0  *0  *0  *0  *0  *0$"
    before=$(pm status --json | jq '.rows | length')
    expect_equal "$((before + 1))" "$(pm status --all | sed -n '/^  ROW/,/^$/p' | grep -c "^  ")" "rows and their head"
    expect_equal ping-in "$(pm status --row ping-in --json | jq -r '.rows[].id')" "the row that was asked for"
    expect_status 2 pm status --row ping-inn
    expect_output "the policy in force has no row 'ping-inn'"
    expect_output "did you mean 'ping-in'?"
}

lab_make
# Not every kernel has them. Where it has, they are tested.
if has_vlan_devices; then
    case_vlan_devices_are_judged_alike() { vlan_devices_are_judged_alike; }
fi
trap 'lab_remove "$LAB"' EXIT
lab_services
run_cases "$@"
