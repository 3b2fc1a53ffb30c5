#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A connection that the Edge has forgotten, as after a reboot or a fail-over: its client is told at once,
# and nobody else learns more than by a SYN.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

# Accepts a connection, and says so. Once told by its FIFO, it forgets it without a word (TCP_REPAIR), and
# goes on listening until it is told to end.
FORGETFUL='import os, socket, sys
orders = os.fdopen(os.open(sys.argv[1], os.O_RDWR))  # also a writer, so that it never ends
listener = socket.create_server(("::", 443), family=socket.AF_INET6, dualstack_ipv6=True)
connection, _ = listener.accept()
print("connected", flush=True)
orders.readline()
connection.setsockopt(socket.IPPROTO_TCP, 19, 1)
connection.close()
print("forgotten", flush=True)
orders.readline()'

# Connects; once told by its FIFO, sends, and prints what comes of it.
CLIENT='import socket, sys
connection = socket.create_connection((sys.argv[2], 443))
open(sys.argv[1]).readline()
try:
    connection.send(b"still there?")
    connection.settimeout(60)
    print(connection.recv(1) or "closed", flush=True)
except ConnectionResetError:
    print("reset", flush=True)'

said() { grep -qx "$2" "$LAB/log/$1"; } # WHO WHAT

nobody_listens() { ! is_listening edge tcp 443; }

client_is_told() { # EDGE-ADDRESS
    lab_start edge server /usr/bin/python3 -c "$FORGETFUL" "$LAB/to-server"
    lab_await edge tcp 443
    lab_start user client /usr/bin/python3 -c "$CLIENT" "$LAB/to-client" "$1"
    wait_for 20 said server connected
    echo >"$LAB/to-server"
    wait_for 20 said server forgotten
    pm detach --all
    pm apply -i eth0 "$here/edge.yaml"
    echo >"$LAB/to-client"
    wait_for 20 said client reset || { pm status && pm flows; return 1; }
    echo >"$LAB/to-server"
    wait_for 20 nobody_listens
}

case_a_client_is_told_at_once() {
    mkfifo "$LAB/to-server" "$LAB/to-client"
    client_is_told "$EDGE4"
    client_is_told "$EDGE6"
}

listen() {
    is_listening edge tcp 443 || lab_start edge listener socat TCP-LISTEN:443,fork,reuseaddr EXEC:cat
    lab_await edge tcp 443
}

# HOST ADDRESS PORT FLAGS: how many answers a segment of no connection has.
answers_to() {
    local own=${1^^}4 # newer releases of scapy find none by a route without a gateway
    in_ns "$1" /usr/bin/python3 - "${!own}" "$2" "$3" "$4" <<'END'
import logging
import sys
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import IP, TCP, sr
source, address, port, flags = sys.argv[1:]
answered, _ = sr(IP(src=source, dst=address) / TCP(sport=41000, dport=int(port), flags=flags, seq=7, ack=9),
                 timeout=2, verbose=False)
print(len(answered))
END
}

has_an_answer() { [ "$(answers_to user "$EDGE4" "$1" "$2")" = 1 ]; } # PORT FLAGS

is_dropped() { # PORT FLAGS REASON: a segment that the user sends
    local before
    before=$(drop_count in "$3")
    expect_equal 0 "$(answers_to user "$EDGE4" "$1" "$2")" "answers"
    [ "$(drop_count in "$3")" -gt "$before" ]
}

case_a_scanner_learns_no_more_than_by_a_syn() {
    listen
    lab_start edge closed socat TCP-LISTEN:9443,fork,reuseaddr EXEC:cat
    lab_start edge partners socat TCP-LISTEN:5061,fork,reuseaddr EXEC:cat
    lab_await edge tcp 443 9443 5061
    wait_for 30 has_an_answer 443 A
    is_dropped 443 R not-first-packet
    is_dropped 9443 A no-service
    is_dropped 5061 A no-row
    expect_equal "" "$(pm flows --json | jq -c 'select(.remote_port == 41000)')" "flows"
}

# What the programs let pass, before and after: the stack sends no RST faster than that.
case_a_flood_of_segments_is_kept_to_its_pace() {
    local before sent mac passed began
    listen
    mac=$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')
    before=$(row_count access-sip-tls-in packets_in)
    began=$(date +%s)
    sent=$(in_ns attacker /usr/bin/python3 "$here/floods.py" send ack "$mac" "$EDGE4" 443 20000)
    passed=$(($(row_count access-sip-tls-in packets_in) - before))
    echo "# of $sent, $passed passed"
    [ "$passed" -gt 0 ]
    [ "$passed" -le $((1000 + 1000 * ($(date +%s) - began + 1))) ]
}

lab_make
trap 'lab_remove "$LAB"' EXIT
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
