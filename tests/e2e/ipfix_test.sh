#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Flow records in three collectors of other projects, and as JSON: the same flows with the same packets and
# bytes, over IPv4 and IPv6, while flows go on, end, and the exporter restarts.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/exporter.sh
. "$here/exporter.sh"

NFCAPD=9995 NFACCTD=9996 CAPTURED=9997

start_ipfix_exporter() {
    lab_start edge exporter "$PORTMATRIX" export --listen 9927 --interval 1s --active-timeout 2s \
        --ipfix "127.0.0.1:$NFCAPD" --ipfix "127.0.0.1:$NFACCTD" --ipfix "[::1]:$CAPTURED" \
        --json-flows "$LAB/flows.json"
    wait_for 20 is_listening edge tcp 9927 || { cat "$LAB/log/exporter"; return 1; }
}

# Sums of the JSON records of a row: "packets_in bytes_in packets_out bytes_out"
record_sums() { # ROW
    jq -rs --arg row "$1" 'map(select(.row == $row))
        | [(map(.packets_in) | add), (map(.bytes_in) | add), (map(.packets_out) | add),
           (map(.bytes_out) | add)] | map(. // 0) | @tsv' "$LAB/flows.json"
}

status_sums() { # ROW: the same of status
    pm status --json | jq -r --arg row "$1" '.rows[] | select(.id == $row)
        | [.packets_in, .bytes_in, .packets_out, .bytes_out] | @tsv'
}

all_is_told() {
    local row
    for row in ping-in av-stun-in access-sip-tls-in av-rtp-tcp-out av-stun-out; do
        [ "$(record_sums $row)" = "$(status_sums $row)" ] ||
            { echo "$row: told $(record_sums $row), counted $(status_sums $row)"; return 1; }
    done
}

case_collectors_listen() {
    mkdir "$LAB/nfcapd"
    lab_start edge nfcapd nfcapd -b 127.0.0.1 -p $NFCAPD -w "$LAB/nfcapd" -t 3600
    cat >"$LAB/primitives" <<'MAP'
name=row field_type=302 len=8 semantics=u_int
name=firewallEvent field_type=233 len=1 semantics=u_int
name=flowEndReason field_type=136 len=1 semantics=u_int
MAP
    cat >"$LAB/nfacctd.conf" <<CONF
nfacctd_ip: 127.0.0.1
nfacctd_port: $NFACCTD
aggregate_primitives: $LAB/primitives
plugins: print
aggregate: src_host, dst_host, src_port, dst_port, proto, row, firewallEvent, flowEndReason
print_output: json
print_output_file: $LAB/nfacctd.json
print_output_file_append: true
print_refresh_time: 2
print_history: 1h
nfacctd_time_new: true
CONF
    lab_start edge nfacctd nfacctd -f "$LAB/nfacctd.conf"
    lab_start edge capture tcpdump -i lo -U --immediate-mode -w "$LAB/capture.pcap" "udp port $CAPTURED"
    lab_await edge udp $NFCAPD $NFACCTD
    wait_for 20 grep -q 'listening on' "$LAB/log/capture"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    start_ipfix_exporter
}

case_records_add_up_to_the_counters() {
    pings user "$EDGE4" 30
    pings user "$EDGE6" 20
    send_datagrams messenger "$EDGE4" 3478 25 100
    send_datagrams messenger "$EDGE6" 3478 5 100
    tls_talks user "$EDGE4" 443
    tls_talks user "$EDGE6" 443
    tcp_talks edge "$MESSENGER4" 50000
    stun_talks edge "$MESSENGER4"
    wait_for 20 all_is_told || all_is_told
    all_is_told
    expect_equal "30 3940" "$(jq -rs 'map(select(.row == "av-stun-in" and .transport == "udp"))
        | "\(map(.packets_in) | add) \(map(.bytes_in) | add)"' "$LAB/flows.json")" "datagrams"
}

case_flows_that_go_on_are_told_again() {
    in_ns messenger /usr/bin/python3 - "$EDGE4" <<'PYTHON'
import socket, sys, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.bind(("", 40404))
for number in range(20):  # over several active timeouts
    out.sendto(b"x" * 100, (sys.argv[1], 3478))
    time.sleep(0.4)
PYTHON
    wait_for 20 all_is_told || all_is_told
    jq -es 'map(select(.remote_port == "40404")) | length >= 3 and all(.event == "update")
            and (map(.packets_in) | add) == 20' "$LAB/flows.json"
}

is_told() { # CONDITION: on a record
    jq -es "any(.[]; $1)" "$LAB/flows.json"
}

case_closed_connections_end() {
    wait_for 20 is_told \
        '.row == "access-sip-tls-in" and .event == "end" and .reason == "end-detected"'
}

# The last packet that passed is in an earlier record; the record of the end by a ban has no packets.
case_a_ban_ends_a_flow() {
    in_ns messenger /usr/bin/python3 - "$EDGE4" "$LAB" <<'PYTHON' &
import os, socket, sys, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.bind(("", 40405))
while not os.path.exists(sys.argv[2] + "/banned"):
    out.sendto(b"x" * 100, (sys.argv[1], 3478))
    time.sleep(0.05)
for number in range(5):
    out.sendto(b"x" * 100, (sys.argv[1], 3478))
PYTHON
    wait_for 20 is_told '.remote_port == "40405"'
    expect_status 0 pm ban "$MESSENGER4"
    touch "$LAB/banned"
    wait
    wait_for 20 is_told '.remote_port == "40405" and .event == "end" and .reason == "forced-end"'
    expect_status 0 pm unban "$MESSENGER4"
}

case_a_restart_tells_nothing_twice() {
    in_ns messenger /usr/bin/python3 - "$EDGE6" >"$LAB/sender" <<'PYTHON' &
import socket, sys, time, os
out = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for number in range(2):
    for one in range(10):
        out.sendto(b"x" * 50, (sys.argv[1], 3478))
    while number == 0 and not os.path.exists(os.environ["LAB"] + "/go-on"):
        time.sleep(0.05)
PYTHON
    wait_for 20 all_is_told
    stop_exporter
    start_ipfix_exporter
    touch "$LAB/go-on"
    wait
    wait_for 20 all_is_told || all_is_told
    # Across an update of the policy too.
    expect_status 0 pm apply "$here/edge.yaml"
    pings user "$EDGE4" 10
    wait_for 20 all_is_told || all_is_told
    stop_exporter
    all_is_told
}

# TABLE: of each record "source destination bytes packets back-bytes back-packets", sorted
json_records() {
    jq -r 'if .direction == "in" then [.remote, .local, .bytes_in, .packets_in, .bytes_out, .packets_out]
           else [.local, .remote, .bytes_out, .packets_out, .bytes_in, .packets_in] end
           | map(tostring) | join(" ")' "$LAB/flows.json" | sort
}

json_bytes() { json_records | awk '{ sum += $3 } END { print sum }'; }

# What is captured last is written last.
tshark_bytes() {
    tshark -r "$LAB/capture.pcap" -d "udp.port==$CAPTURED,cflow" -V 2>/dev/null >"$LAB/tshark"
    awk '/^ *Octets: [0-9]+$/ { sum += $2 } END { print sum }' "$LAB/tshark"
}
tshark_has_all() { [ "$(tshark_bytes)" = "$(json_bytes)" ]; }

case_tshark_reads_every_field() {
    wait_for 20 tshark_has_all || { echo "$(tshark_bytes), not $(json_bytes)"; return 1; }
    tshark -r "$LAB/capture.pcap" -d "udp.port==$CAPTURED,cflow" -T json 2>/dev/null >"$LAB/tshark.json"
    refused grep -qiE 'malformed|no template|expert.*error' "$LAB/tshark.json"
    refused grep -qiE 'malformed|unexpected|Sequence.*expected' "$LAB/tshark"
    grep -q 'Selector Name: av-stun-in' "$LAB/tshark"
    echo "# $(grep -c '^ *Octets:' "$LAB/tshark") records"
}

case_nfdump_has_the_same_records() {
    kill "$(in_ns edge ss -Hlunp "sport = :$NFCAPD" | grep -o 'pid=[0-9]*' | cut -d= -f2 | head -n 1)"
    wait_for 20 refused is_listening edge udp $NFCAPD
    nfdump_records "$LAB/nfcapd" >"$LAB/nfdump.json"
    jq -r '.[] | [.src4_addr // .src6_addr, .dst4_addr // .dst6_addr, .in_bytes, .in_packets,
            .out_bytes // 0, .out_packets // 0] | map(tostring) | join(" ")' \
        "$LAB/nfdump.json" | sort >"$LAB/nfdump"
    diff <(json_records) "$LAB/nfdump"
    echo "# $(wc -l <"$LAB/nfdump") records"
}

nfacctd_bytes() { jq -s 'map(.bytes) | add' "$LAB/nfacctd.json"; }
nfacctd_has_all() { [ "$(nfacctd_bytes)" = "$(json_bytes)" ]; }

case_nfacctd_has_the_same_sums() {
    local slot
    wait_for 20 nfacctd_has_all || { echo "$(nfacctd_bytes), not $(json_bytes)"; return 1; }
    # The number of the row is the one in the options record.
    slot=$(sed -n '/Selector Id: /h; /Selector Name: av-stun-in/{g; s/.*: //p; q}' "$LAB/tshark")
    jq -es --arg slot "$slot" 'any(.[]; (.row | tostring) == $slot and .port_dst == 3478)' "$LAB/nfacctd.json"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_services
run_cases "$@"
