#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A host is what its address says: ports that NAT gives to a guest, as to a container, what the guest opens
# behind NAT, and a relay in the kernel are this host's. Whoever has no such address, or forges one, is not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

edge() { in_ns edge "$@"; }
mac_of() { in_ns "$1" ip -j link show eth0 | jq -r '.[].address'; } # NAME
forwarded() { drop_count "$1" forwarded; } # in|out

policy() { # NAME ADDRESSES
    cat <<END
policy: $1
interfaces: { eth0: [edge] }
edge: { edge: $2 }
peers: { world: any, partners: [$PARTNER4, "$PARTNER6"] }
matrix:
  - { id: web, transport: tcp, source: world, destination: edge, port: 443 }
  - { id: stun, transport: udp, source: world, destination: edge, port: 3478 }
  - { id: sip, transport: tcp, source: edge, destination: partners, port: 5061 }
  - { id: relay-in, transport: udp, source: world, destination: edge, port: 50000 }
  - { id: relay-out, transport: udp, source: edge, destination: partners, port: 50002 }
END
}

translate() {
    edge nft -f - <<END
table ip translate {
    chain in {
        type nat hook prerouting priority dstnat
        ip daddr $EDGE4 tcp dport 443 dnat to 10.77.0.2:8443
        ip daddr $EDGE4 tcp dport 8080 dnat to 10.77.0.2:8080
        ip daddr $EDGE4 udp dport 3478 dnat to 10.77.0.2
    }
    chain out {
        type nat hook postrouting priority srcnat
        ip saddr 10.77.0.0/24 oifname eth0 masquerade
    }
}
END
}

udp_talks() { # NAME ADDRESS PORT
    [ "$(in_ns "$1" timeout $((5 * SLOW)) socat -t 1 - "UDP:$2:$3" <<<matrix)" = matrix ]
}

# Datagrams to port 50002 that have reached the partner.
relayed() { in_ns partner nft -j list counter inet seen relayed | jq '.nftables[] | .counter // empty | .packets'; }
has_relayed() { [ "$(relayed)" -gt "$1" ]; }

# SOURCE DESTINATION: a datagram of the guest to that partner, in a frame to the Edge, or to MAC.
forge() {
    in_ns guest /usr/bin/python3 - "$1" "$2" "${3:-}" <<'END'
import logging
import sys
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import IP, UDP, Ether, IPv6, Raw, getmacbyip, sendp
source, destination, mac = sys.argv[1:]
ip = IPv6 if ":" in source else IP
frame = Ether(dst=mac or getmacbyip("10.77.0.1"))
sendp(frame / ip(src=source, dst=destination) / UDP(sport=50000, dport=50002) / Raw(b"forged"),
      iface="eth0", verbose=False)
END
}

case_a_published_port_talks() {
    tcp_talks user "$EDGE4" 443
    udp_talks user "$EDGE4" 3478
    [ "$(row_count web flows)" -gt 0 ]
}

# WHO NAME ADDRESS PORT[,OPTION] FILTER: the flow of a connection that stays open is established, and who vouches.
vouches() {
    mkfifo "$LAB/line"
    lab_start "$2" line socat "TCP:$3:$4" "OPEN:$LAB/line,rdonly"
    wait_for 20 is_vouched "$1" "$5"
    echo >"$LAB/line" # its end ends the connection
    rm "$LAB/line"
}
is_vouched() { # WHO FILTER
    pm flows --json | jq -se "[.[] | select($2) | select(.state == \"established\") | .vouched] == [\"$1\"]"
}

case_its_handshake_vouches_for_a_guests_connection() {
    vouches handshake user "$EDGE4" 443 '.local_port == "443"'
    vouches handshake guest "$PARTNER4" 5061 '.remote_port == "5061"'
}

# A service of this host, to which NAT gives another port than the peer asks for.
case_a_port_that_is_redirected_on_this_host() {
    edge nft insert rule ip translate in ip daddr "$EDGE4" tcp dport 443 redirect to :8444
    vouches handshake user "$EDGE4" 443 '.local_port == "443"'
    edge nft delete table ip translate
    translate
}

case_its_socket_vouches_for_a_connection_of_this_host() {
    vouches socket edge "$PARTNER4" 5061,sourceport=45061 '.local_port == "45061"'
}

case_a_published_port_outside_the_matrix_is_closed() {
    refused tcp_talks user "$EDGE4" 8080
}

case_a_guest_opens_what_a_row_permits() {
    tcp_talks guest "$PARTNER4" 5061
    refused tcp_talks guest "$PARTNER4" 9000
}

case_a_guest_without_translation_is_foreign() {
    local before
    before=$(forwarded out)
    edge nft delete table ip translate
    refused tcp_talks guest "$PARTNER4" 5061
    [ "$(forwarded out)" -gt "$before" ]
    translate
}

# The stack's own check drops the IPv4 one, unless it is switched off; IPv6 has none.
case_a_guest_that_forges_this_hosts_address_is_foreign() {
    local before
    before=$(relayed)
    edge sysctl -qw net.ipv4.conf.inner.accept_local=1
    forge "$EDGE4" "$PARTNER4"
    wait_for 20 has_relayed "$before"
    edge sysctl -qw net.ipv4.conf.inner.accept_local=0
    before=$(relayed)
    forge "$EDGE4" "$PARTNER4"
    edge sysctl -qw net.ipv6.conf.all.forwarding=1
    local dropped
    dropped=$(forwarded out)
    forge "$EDGE6" "$PARTNER6"
    wait_for 20 drops_more out "$dropped"
    edge sysctl -qw net.ipv6.conf.all.forwarding=0
    expect_equal "$before" "$(relayed)" "datagrams that reached the partner"
}
drops_more() { [ "$(forwarded "$1")" -gt "$2" ]; } # in|out COUNT

# What a media relay in the kernel does: it sends what it receives to another peer, with this host's address.
case_a_relay_in_the_kernel_is_this_host() {
    local before sent
    before=$(relayed)
    sent=$(row_count relay-out packets_out)
    tc_relay
    send_datagrams user "$EDGE4" 50000 5
    wait_for 20 has_relayed $((before + 4))
    expect_equal $((sent + 5)) "$(row_count relay-out packets_out)" "datagrams of the row"
    edge tc qdisc del dev eth0 clsact
}

tc_relay() {
    relay_source | compile_bpf "$LAB/relay.o" -I "/usr/include/$(gcc -dumpmachine)"
    edge tc qdisc add dev eth0 clsact
    edge tc filter add dev eth0 ingress bpf direct-action object-file "$LAB/relay.o" section tc
}

number() { # ADDRESS
    local byte
    IFS=. read -ra byte <<<"$1"
    echo $((byte[0] << 24 | byte[1] << 16 | byte[2] << 8 | byte[3]))
}

relay_source() {
    cat <<END
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc") int relay(struct __sk_buff *skb)
{
	__u8 mac[6] = {0x$(mac_of partner | sed 's/:/, 0x/g')};
	__u8 own[6] = {0x$(mac_of edge | sed 's/:/, 0x/g')};
	__be32 from = bpf_htonl($(number "$EDGE4")U), to = bpf_htonl($(number "$PARTNER4")U), user, edge;
	__be16 port, next = bpf_htons(50002), none = 0;

	if (skb->protocol != bpf_htons(0x0800) || bpf_skb_load_bytes(skb, 36, &port, 2) ||
	    port != bpf_htons(50000) || bpf_skb_load_bytes(skb, 26, &user, 4) ||
	    bpf_skb_load_bytes(skb, 30, &edge, 4))
		return TC_ACT_OK;
	bpf_skb_store_bytes(skb, 0, mac, 6, 0);
	bpf_skb_store_bytes(skb, 6, own, 6, 0);
	bpf_l3_csum_replace(skb, 24, user, from, 4);
	bpf_l3_csum_replace(skb, 24, edge, to, 4);
	bpf_skb_store_bytes(skb, 26, &from, 4, 0);
	bpf_skb_store_bytes(skb, 30, &to, 4, 0);
	bpf_skb_store_bytes(skb, 36, &next, 2, 0);
	bpf_skb_store_bytes(skb, 40, &none, 2, 0);
	return bpf_redirect(skb->ifindex, 0);
}
char LICENSE[] SEC("license") = "GPL";
END
}

# A shaper takes what this host sends, and gives it to the interface again. Of IPv6 that is believed where
# the policy says so.
case_what_comes_back_from_a_shaper_is_this_hosts() {
    edge ip link add ifb0 up type ifb
    edge tc qdisc add dev eth0 clsact
    local family
    for family in ip ipv6; do
        edge tc filter add dev eth0 egress protocol "$family" u32 match u32 0 0 \
            action mirred egress redirect dev ifb0
    done
    tcp_talks edge "$PARTNER4" 5061
    refused tcp_talks edge "$PARTNER6" 5061
    { cat "$LAB/guests.yaml" && echo "handed-over-ipv6: accept"; } >"$LAB/believed.yaml"
    pm apply --force "$LAB/believed.yaml"
    tcp_talks edge "$PARTNER6" 5061
    edge tc qdisc del dev eth0 clsact
    edge ip link delete ifb0
    pm apply --force "$LAB/guests.yaml"
}

# A role that is the interface lists no address: nothing says that NAT's is this host's.
case_an_interface_lists_no_address() {
    local before
    before=$(forwarded out)
    policy dynamic interface >"$LAB/interface.yaml"
    pm apply --force "$LAB/interface.yaml"
    tcp_talks edge "$PARTNER4" 5061
    refused tcp_talks user "$EDGE4" 443
    refused tcp_talks guest "$PARTNER4" 5061
    [ "$(forwarded out)" -gt "$before" ]
    pm apply --force "$LAB/guests.yaml"
}

# On the port of a bridge no stack has checked who sends. ARP is judged by its own rule.
case_what_a_bridge_hands_over_is_foreign() {
    local before dropped mac
    before=$(relayed)
    edge ip link add br9 up type bridge
    edge ip link set inner master br9
    edge ip link set eth0 master br9
    policy bridged "[$EDGE4, \"$EDGE6\"]" >"$LAB/bridged.yaml"
    pm apply --force "$LAB/bridged.yaml"
    dropped=$(forwarded out)
    mac=$(mac_of partner)
    forge "$EDGE4" "$PARTNER4" "$mac"
    wait_for 20 drops_more out "$dropped"
    expect_equal "$before" "$(relayed)" "datagrams that reached the partner"
    in_ns guest ip route add "$PARTNER4/32" dev eth0
    in_ns guest ping -c 1 -W 1 "$PARTNER4" || true
    in_ns guest ip neighbour show "$PARTNER4" | grep -F "$mac"
    in_ns guest ip route del "$PARTNER4/32" dev eth0
    edge ip link delete br9
    pm apply --force "$LAB/guests.yaml"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_guest
edge sysctl -qw net.ipv4.ip_forward=1
translate
lab_echo guest 8443 8080
lab_echo edge 8444
lab_start guest stun socat "UDP4-RECVFROM:3478,fork" EXEC:cat
lab_echo partner 5061 9000
lab_await guest tcp 8443 8080
lab_await edge tcp 8444
lab_await guest udp 3478
lab_await partner tcp 5061 9000
in_ns partner nft -f - <<'END'
table inet seen {
    counter relayed { }
    chain in {
        type filter hook prerouting priority 0
        udp dport 50002 counter name relayed
    }
}
END
policy guests "[$EDGE4, \"$EDGE6\"]" >"$LAB/guests.yaml"
pm apply --force "$LAB/guests.yaml"
run_cases "$@"
