#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What leaves the host: a TURN relay reaches nothing behind it, nobody sends with addresses that
# are not the host's, large datagrams leave in fragments, and the path's MTU is found. Also shown: what
# the programs cannot see.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

relay() { # PEER: how many datagrams came back through the relay
    { in_ns user timeout 20 turnutils_uclient -n 5 -m 1 -l 100 -e "$1" -r 3480 "$EDGE4" 2>&1 || true; } |
        grep -o 'tot_recv_msgs=[0-9]*' | tail -n 1 | cut -d= -f2
}

# PEER: the relay sends to it, and every datagram is dropped on its way out.
relays_in_vain() {
    local client before
    before=$(drop_count out no-row)
    nsenter --net="/run/netns/$LAB_NET-user" stdbuf -oL turnutils_uclient -n 5 -m 1 -l 100 -e "$1" -r 3480 "$EDGE4" \
        >"$LAB/log/in-vain" 2>&1 &
    client=$!
    wait_for 20 has_dropped no-row $((before + 5)) || { cat "$LAB/log/in-vain"; return 1; }
    kill "$client" # it waits for ever for what does not come
    wait "$client" || true
    refused grep 'tot_recv_msgs=[1-9]' "$LAB/log/in-vain"
}
has_dropped() { [ "$(drop_count out "$1")" -ge "$2" ]; }

sent() { # NAME KIND SOURCE DESTINATION PORT [SOURCE-PORT]: "sent", or why not
    in_ns "$1" /usr/bin/python3 - "${@:2}" <<'PYTHON'
import errno, mmap, socket, struct, sys
kind, source, destination, port, *rest = sys.argv[1:]
sport = int(rest[0]) if rest else 40000
body = struct.pack("!HHHH", sport, int(port), 14, 0) + b"matrix"
packet = struct.pack("!BBHHHBBH", 0x45, 0, 34, 7, 0, 64, 17, 0) + \
    socket.inet_aton(source) + socket.inet_aton(destination) + body
total = sum(struct.unpack("!10H", packet[:20]))
total = (total & 0xffff) + (total >> 16)
packet = packet[:10] + struct.pack("!H", ~total & 0xffff) + packet[12:]
try:
    if kind == "datagram":
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((source, sport))
        one.sendto(b"matrix", (destination, int(port)))
    elif kind == "connected": # a raw socket, and so "established"
        one = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        one.connect((destination, 0))
        one.send(struct.pack("!HHIIHHHH", sport, int(port), 1, 1, 0x5018, 512, 0, 0) + b"matrix")
    elif kind == "raw":
        one = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        one.sendto(packet, (destination, 0))
    else:
        one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        if kind == "bypass":
            one.setsockopt(263, 20, 1)  # SOL_PACKET, PACKET_QDISC_BYPASS
        if kind == "ring":
            one.setsockopt(263, 10, 1)  # PACKET_VERSION, TPACKET_V2
            one.setsockopt(263, 13, struct.pack("4I", 4096, 1, 4096, 1))  # PACKET_TX_RING
        one.bind(("eth0", 0))
        frame = b"\xff" * 6 + one.getsockname()[4] + b"\x08\x00" + packet
        if kind == "ring":
            ring = mmap.mmap(one.fileno(), 4096)
            ring[32:32 + len(frame)] = frame
            ring[:8] = struct.pack("II", 1, len(frame))  # TP_STATUS_SEND_REQUEST
            frame = b""
        one.send(frame)
    print("sent")
except OSError as error:
    print(errno.errorcode[error.errno])
PYTHON
}

has_heard() { [ "$(heard)" -eq 1 ]; }
heard() { in_ns user nft -j list counter netdev wire heard | jq '.nftables[] | .counter // empty | .packets'; }

case_prepare() {
    cat >"$LAB/turn.yaml" <<END
policy: relay-site
include: [coturn.yaml, host-base.yaml]
edge:
  turn: [$EDGE4, "$EDGE6"]
  host: turn
peers:
  admins: none
matrix:
  - { id: web-in, transport: tcp, source: any, destination: turn, port: 8080 }
expect: # a datagram with the ports of an answer that nobody waits for
  - { from: $USER4, to: relay, udp: 49152-65535, verdict: drop }
END
    lab_start edge edge-turn turnserver -n --no-auth --no-tls --no-dtls --no-cli --simple-log \
        -L "$EDGE4" -p 3478 -l stdout --pidfile "$LAB/turn.pid" --userdb "$LAB/turn.db" \
        --min-port 49500 --max-port 49999
    in_ns messenger ip address add 10.1.1.1/32 dev eth0
    in_ns messenger ip address add 169.254.169.254/32 dev eth0
    for address in "$MESSENGER4" 10.1.1.1 169.254.169.254; do
        lab_start messenger "peer-$address" turnutils_peer -L "$address" -p 3480
    done
    lab_await edge udp 3478
    lab_await messenger udp 3480
    in_ns user nft -f - <<'NFT'
table netdev wire {
    counter heard { }
    chain in { type filter hook ingress device "eth0" priority 0; udp dport 9 counter name heard; }
}
NFT
}

case_without_a_policy_the_relay_reaches_inwards() {
    [ "$(relay 10.1.1.1)" -gt 0 ]
}

case_a_relay_reaches_the_internet_and_nothing_behind_it() {
    pm apply -i eth0 "$LAB/turn.yaml"
    local before address
    [ "$(relay "$MESSENGER4")" -gt 0 ]
    for address in 10.1.1.1 169.254.169.254; do
        relays_in_vain $address
    done
    before=$(drop_count out no-row)
    for address in 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.253 168.63.129.16; do
        in_ns edge ip route add $address via "$MESSENGER4" dev eth0 onlink
        sent edge datagram "$EDGE4" $address 80 49200 >/dev/null
    done
    expect_equal $((before + 6)) "$(drop_count out no-row)" "datagrams from the relay's range"
}

case_spoofed_sources_do_not_leave() {
    local before
    before=$(drop_count out no-role)
    sent edge raw 192.0.2.99 "$USER4" 9 49200
    sent edge raw 198.51.100.7 "$USER4" 9 49200
    expect_equal $((before + 2)) "$(drop_count out no-role)" "spoofed datagrams"
    expect_equal 0 "$(heard)" "datagrams that the user got"
}

# By then the socket has left the stack's tables, and the programs have never seen the connection.
case_a_peer_is_told_that_its_connection_is_aborted() {
    pm detach --all
    mkfifo "$LAB/abort"
    lab_start edge aborts /usr/bin/python3 -c '
import socket, struct, sys
one = socket.create_server(("", 8080)).accept()[0]
open(sys.argv[1]).read()
one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
one.close()' "$LAB/abort"
    lab_await edge tcp 8080
    lab_start user aborted /usr/bin/python3 -uc '
import socket, sys
one = socket.create_connection((sys.argv[1], 8080))
print("connected")
one.recv(1)' "$EDGE4"
    wait_for 20 grep -q connected "$LAB/log/aborted"
    pm apply -i eth0 "$LAB/turn.yaml"
    : >"$LAB/abort"
    wait_for 20 grep -q ConnectionResetError "$LAB/log/aborted"
}

case_a_raw_socket_has_no_connection() {
    local before
    before=$(drop_count out not-first-packet)
    expect_equal sent "$(sent edge connected "$EDGE4" "$USER4" 40000 8080)" segment
    expect_equal $((before + 1)) "$(drop_count out not-first-packet)" "segments of a raw socket"
}

case_packet_sockets_are_judged() {
    local before
    before=$(drop_count out no-service)
    sent edge frame "$EDGE4" "$USER4" 9
    expect_equal $((before + 1)) "$(drop_count out no-service)" "datagrams of a packet socket"
    sent edge ring "$EDGE4" "$USER4" 9 # its headers are in pages, short as it is
    expect_equal $((before + 2)) "$(drop_count out no-service)" "datagrams of a packet socket and its ring"
    expect_equal 0 "$(heard)" "datagrams that the user got"
}

# A limit that the manual states: it needs CAP_NET_RAW on this host.
case_packet_sockets_that_bypass_are_not_seen() {
    local before
    before=$(drop_count out no-service)
    expect_equal sent "$(sent edge bypass "$EDGE4" "$USER4" 9)" "datagram"
    wait_for 20 has_heard
    expect_equal "$before" "$(drop_count out no-service)" "datagrams that were counted"
}

datagram_returns() { # SIZE: a datagram of this size there and back
    in_ns edge /usr/bin/python3 - "$EDGE4" "$MESSENGER4" "$1" <<'PYTHON'
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(5)
one.bind((sys.argv[1], 49300))
data = bytes(range(256)) * (int(sys.argv[3]) // 256)
one.sendto(data, (sys.argv[2], 3481))
sys.exit(one.recv(65535) != data)
PYTHON
}

case_large_datagrams_leave_and_arrive() {
    lab_start messenger messenger-echo /usr/bin/python3 "$here/talkers.py" serve udp:3481
    lab_await messenger udp 3481
    local before
    before=$(drop_count out fragment-unknown)
    datagram_returns 256
    datagram_returns 4096
    datagram_returns 60928
    expect_equal "$before" "$(drop_count out fragment-unknown)" "parts that were lost"
}

# A filter behind ours can still drop what ours lets pass.
case_a_filter_behind_ours_is_asked_too() {
    printf '%s\n' '__attribute__((section("tc"), used)) int last(void *context) { return 2; }' |
        compile_bpf "$LAB/last.o" -g
    pings edge "$MESSENGER4" 1
    in_ns edge tc qdisc replace dev eth0 clsact
    in_ns edge tc filter add dev eth0 egress prio 60000 bpf da obj "$LAB/last.o" sec tc
    refused pings edge "$MESSENGER4" 1
    in_ns edge tc filter delete dev eth0 egress prio 60000
    pings edge "$MESSENGER4" 1
}

case_path_mtu_is_found() {
    local far=203.0.113.77
    ip netns add "$LAB_NET-far"
    in_ns messenger ip link add far type veth peer name eth0 netns "$LAB_NET-far"
    in_ns messenger ip link set far mtu 1400 up
    in_ns far ip link set eth0 mtu 1400 up
    in_ns far ip address add $far/32 dev eth0
    in_ns messenger ip route add $far/32 dev far
    in_ns messenger sysctl -qw net.ipv4.ip_forward=1
    in_ns edge ip route add $far/32 via "$MESSENGER4" dev eth0 onlink
    in_ns edge /usr/bin/python3 - "$EDGE4" $far <<'PYTHON'
import socket, sys, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.setsockopt(socket.SOL_IP, 10, 2)  # IP_MTU_DISCOVER: always
one.bind((sys.argv[1], 49400))
one.connect((sys.argv[2], 3478))
one.send(bytes(1460))
end = time.monotonic() + 5
while time.monotonic() < end:
    try:
        one.send(bytes(1460))
        time.sleep(0.05)
    except OSError:
        break
sys.exit(one.getsockopt(socket.SOL_IP, 14) != 1400)  # IP_MTU
PYTHON
}

lab_make
trap 'lab_remove "$LAB"' EXIT
run_cases "$@"
