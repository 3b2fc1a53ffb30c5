#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is sent is what is counted, and every output says so.
# - Sent: traffic of every row of the matrix over IPv4 and IPv6, and packets that are dropped for many
#   reasons; by real programs; whole, in segments that the kernel handles as one, and in fragments.
# - Compared: the wire, `status`, /metrics, Prometheus, the IPFIX collector and `flows`, across an update
#   of the policy and a restart of everything in user space.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/exporter.sh
. "$here/exporter.sh"

COLLECT=(/usr/bin/python3 "$here/metrics.py")
COLLECTOR=9995 PROMETHEUS=127.0.0.1:9090

# ROW WAY TRANSPORT EDGE-PORT PEER-PORT (as rows.py reads them) and who sends it: SENDER FROM TO ARGUMENT...
# The partner has a certificate; %P is a port of the media range that nothing has used yet.
rows() {
    cat <<'TABLE'
access-sip-mtls-in   in  tcp  5061        -           talks_tls partner edge 5061 partner
access-sip-mtls-out  out tcp  -           5061        talks_tls edge partner 5061 edge
access-sip-tls-in    in  tcp  443         -           talks_tls user edge 443
av-rtp-tcp-out       out tcp  -           50000-59999 tcp_echoes edge messenger 59999
av-rtp-tcp-relay-out out tcp  50000-59999 8443        tcp_echoes edge messenger 8443 %P
av-stun-out          out udp  -           3478        stun_talks edge messenger
av-stun-in           in  udp  3478        -           stun_talks messenger edge
ssh-admins           in  tcp  22          -           tcp_echoes user edge 22
dns-out              out udp  -           53          asks edge messenger 53 7
dns-out              out tcp  -           53          tcp_echoes edge messenger 53
ntp-out              out udp  -           123         asks edge messenger 123 3
crl-out              out tcp  -           80          tcp_echoes edge messenger 80
ping-in              in  icmp -           -           pings user edge 9
ping-out             out icmp -           -           pings edge user 11
TABLE
}

# NAME ADDRESS PORT [WHOSE-CERTIFICATE]: TLS that carries a line there and back, and stays open until
# `let_go`: the reset that may end it would take its flow from the tables.
talks_tls() {
    local heard=$LAB/log/tls-$1-$2-$3
    # shellcheck disable=SC2016 # expanded by the inner shell
    lab_start "$1" "${heard##*/}" sh -c '{ echo matrix; cat "$0"; } | exec openssl s_client "$@"' "$LAB/gate" \
        -quiet -no_ign_eof -connect "$(bracket "$2"):$3" -CAfile "$LAB/trust.pem" -verify_return_error \
        ${4:+-cert "$LAB/$4.crt" -key "$LAB/$4.key"}
    wait_for 20 grep -q xirtam "$heard" || { cat "$heard"; return 1; }
}

let_go() { : >"$LAB/gate"; }

tcp_echoes() { # NAME ADDRESS PORT [SOURCE-PORT]: 100,000 bytes there and back
    expect_equal 100000 "$(head -c 100000 /dev/zero | in_ns "$1" socat -t $((10 * SLOW)) - \
        "TCP:$(bracket "$2"):$3${4:+,reuseaddr,sourceport=$4}" | wc -c)" "bytes that came back"
}

asks() { # NAME ADDRESS PORT COUNT: datagrams, each is answered
    in_ns "$1" /usr/bin/python3 - "${@:2}" <<'PYTHON'
import os, socket, sys
address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
out = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
out.settimeout(10 * int(os.environ.get("PM_SLOW", 1)))
out.connect((address, port))
for number in range(count):
    out.send(b"x" * (40 + number))
    assert len(out.recv(2048)) == 40 + number
PYTHON
}

MEDIA_PORT=50100
send_every_row() {
    local sender from to version arguments address
    while read -r _ _ _ _ _ sender from to arguments; do
        for version in 4 6; do
            address=${to^^}$version
            MEDIA_PORT=$((MEDIA_PORT + 1))
            # shellcheck disable=SC2086 # one word an argument
            "$sender" "$from" "${!address}" ${arguments//%P/$MEDIA_PORT} </dev/null ||
                { echo "failed: $sender $from ${!address} $arguments"; return 1; }
        done
    done < <(rows)
}

start_services() {
    lab_start edge watch "$PORTMATRIX" watch
    lab_start edge exporter "$PORTMATRIX" export --listen 9927 --interval 1s --active-timeout 2s \
        --ipfix "127.0.0.1:$COLLECTOR"
    wait_for 20 is_listening edge tcp 9927 || { cat "$LAB/log/exporter"; return 1; }
}

stop() { # NAME-OF-PROCESS SOCKET-OPTION PORT: waits until it has ended
    local pid
    pid=$(in_ns edge ss -Hlnp "$1" "sport = :$2" | grep -o 'pid=[0-9]*' | cut -d= -f2 | head -n 1)
    kill "$pid"
    wait_for 20 refused kill -0 "$pid"
}

start_collector() {
    mkdir -p "$LAB/nfcapd"
    lab_start edge nfcapd nfcapd -b 127.0.0.1 -p $COLLECTOR -w "$LAB/nfcapd" -t 3600
    lab_await edge udp $COLLECTOR
}

send() { # NAME ADDRESS PORT COUNT SIZE [SEGMENT]: SEGMENT: many datagrams in one call (UDP GSO)
    in_ns "$1" /usr/bin/python3 - "${@:2}" <<'PYTHON'
import socket, sys
address, port, count, size, *segment = sys.argv[1:]
out = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
out.bind(("", 41000))
if segment:
    out.setsockopt(socket.IPPROTO_UDP, 103, int(segment[0]))  # UDP_SEGMENT
for number in range(int(count)):
    out.sendto(b"x" * int(size), (address, int(port)))
PYTHON
}

# ROW FIELD WANT: the row has so much more than in the status before.
grew() {
    local before
    before=$(row_count "$1" "$2" "$LAB/before")
    expect_equal "$3" $(($(row_count "$1" "$2" "$LAB/status") - before)) "$1 $2"
}

traffic() {
    read_status
    cp "$LAB/status" "$LAB/before"
    pings user "$EDGE4" 20
    pings user "$EDGE6" 10
    send messenger "$EDGE4" 3478 25 100
    send messenger "$EDGE6" 3478 5 100
    # 3,000 bytes in three fragments, IPv4 and IPv6.
    send messenger "$EDGE4" 3478 4 3000
    send messenger "$EDGE6" 3478 2 3000
    # From this host: one call, ten datagrams of 1,000 bytes; and three fragments again.
    send edge "$MESSENGER4" 3478 3 10000 1000
    send edge "$MESSENGER6" 3478 2 10000 1000
    send edge "$MESSENGER4" 3478 2 3000
    read_status
    grew ping-in packets_in 30
    grew ping-in packets_out 30
    grew ping-in bytes_in $((20 * 84 + 10 * 104))
    grew ping-in bytes_out $((20 * 84 + 10 * 104))
    # 3,008 bytes of UDP: IPv4 1,480 + 1,480 + 48; IPv6 1,448 + 1,448 + 112, each behind 48.
    grew av-stun-in packets_in $((25 + 5 + 4 * 3 + 2 * 3))
    grew av-stun-in bytes_in $((25 * 128 + 5 * 148 + 4 * (3008 + 3 * 20) + 2 * (3008 + 3 * 48)))
    grew av-stun-out packets_out $((3 * 10 + 2 * 10 + 2 * 3))
    grew av-stun-out bytes_out $((30 * 1028 + 20 * 1048 + 2 * (3008 + 3 * 20)))
}

# WHAT [ARGUMENT...]: rows.py reads the same figures from it as from the status, for rows like $ONLY.
ONLY=.
same_rows() {
    /usr/bin/python3 "$here/rows.py" "$@" | grep -E "$ONLY" >"$LAB/rows.$1"
    read_status
    /usr/bin/python3 "$here/rows.py" status "$LAB/status" | grep -E "$ONLY" >"$LAB/rows.status"
    [ -s "$LAB/rows.$1" ]
    # Outputs without a number of flows are compared without it.
    diff "$LAB/rows.$1" <(awk 'FILENAME == ARGV[1] { none[$1] = $6 == "-"; next } none[$1] { $6 = "-" } 1' \
        "$LAB/rows.$1" "$LAB/rows.status")
}

wire_agrees() { same_rows wire "$LAB/table" "$LAB/wire.pcap" "$EDGE4" "$EDGE6"; }

# As long as no flow has ended, the flows of a row add up to the figures of the row.
flows_agree() {
    pm flows --json >"$LAB/flows"
    same_rows flows "$LAB/flows"
}

metrics_agree() {
    read_status
    read_metrics
    "${COLLECT[@]}" equal "$LAB/status" "$LAB/metrics"
}

start_prometheus() {
    lab_start edge prometheus prometheus --config.file "$LAB/prometheus.yml" \
        --storage.tsdb.path "$LAB/prometheus" --web.listen-address "$PROMETHEUS" --log.level warn
}

every_output_agrees() {
    wait_for 20 wire_agrees || wire_agrees
    wait_for 20 metrics_agree || metrics_agree
    wait_for 20 prometheus_agrees "$PROMETHEUS" || { cat "$LAB/agreed"; return 1; }
}

mac() { in_ns "$1" ip -j link show dev eth0 | jq -r '.[0].address'; }

case_traffic_of_every_row() {
    start_collector
    # All traffic but that from and to the attacker, which must be dropped.
    lab_start net wire tcpdump -i edge -U -B 16384 -s 128 -w "$LAB/wire.pcap" \
        "(ip or ip6) and not ether host $(mac attacker)"
    wait_for 20 grep -q 'listening on' "$LAB/log/wire"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    start_services
    cat >"$LAB/prometheus.yml" <<YAML
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs: [{ job_name: portmatrix, static_configs: [{ targets: ["127.0.0.1:9927"] }] }]
YAML
    start_prometheus
    rows >"$LAB/table"
    traffic
    send_every_row
    read_status
    expect_equal "$(cut -d' ' -f1 "$LAB/table" | sort -u)" \
        "$(jq -r '.rows[] | select(.direction and .packets_in > 0 and .packets_out > 0 and .flows_total > 0).id' \
            "$LAB/status" | sort)" "rows with traffic"
    expect_equal 0 "$(jq '[.rows[] | select(.direction and .flows_total == 0)] | length' "$LAB/status")" "rows without"
    wait_for 20 flows_agree || flows_agree
    let_go
    echo "# $(jq '[.rows[] | select(.direction).packets_in, select(.direction).packets_out] | add' "$LAB/status") packets" \
        "of $(jq '[.rows[] | select(.direction)] | length' "$LAB/status") rows"
}

case_drops_of_many_reasons() {
    local -a ends
    ends=("$(mac edge)" "$(mac attacker)" "$EDGE4" "$EDGE6" "$ATTACKER4" "$ATTACKER6")
    expect_equal 0 "$(jq '.drops | length' "$LAB/status")" "drops before"
    { in_ns edge /usr/bin/python3 "$here/drops.py" out "${ends[@]}"
      in_ns attacker /usr/bin/python3 "$here/drops.py" in "${ends[@]}"
    } | sort >"$LAB/drops.sent"
    read_status
    diff "$LAB/drops.sent" \
        <(jq -r '.drops[] | "\(.direction) \(.reason) \(.packets) \(.bytes)"' "$LAB/status" | sort)
    [ "$(wc -l <"$LAB/drops.sent")" -ge 20 ]
    echo "# $(wc -l <"$LAB/drops.sent") reasons and ways"
}

case_the_same_in_every_output() {
    every_output_agrees
}

case_across_an_update() {
    # More rows and another order: the rows that stay keep their counters.
    { sed 's/contoso-edge/contoso-edge-2/' "$here/edge.yaml"
      printf 'matrix:\n  - { id: added, role: Access, transport: udp, source: admins, destination: access, port: 9999 }\n'
    } >"$LAB/edge2.yaml"
    read_status
    cp "$LAB/status" "$LAB/before"
    expect_status 0 pm apply "$LAB/edge2.yaml"
    read_status
    grew av-stun-in packets_in 0
    grew ping-in bytes_out 0
    traffic
    every_output_agrees
    ONLY='^av-stun-' flows_agree
}

case_across_a_restart_of_everything() {
    kill "$(cat "$LAB/run/watch")"
    stop --tcp 9927
    stop --tcp 9090
    start_services
    start_prometheus
    traffic
    every_output_agrees
}

case_the_collector_has_it_all() {
    stop --tcp 9927
    stop --udp $COLLECTOR
    nfdump_records "$LAB/nfcapd" >"$LAB/nfdump.json"
    same_rows nfdump "$LAB/table" "$LAB/nfdump.json"
    echo "# $(jq length "$LAB/nfdump.json") records of $(wc -l <"$LAB/rows.nfdump") rows"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_services
lab_echo messenger 53 80
lab_start messenger messenger-asked /usr/bin/python3 "$here/talkers.py" serve udp:53 udp:123
lab_await messenger tcp 53 80
lab_await messenger udp 53 123
mkfifo "$LAB/gate"
# Large segments are cut before they reach the wire, so that a capture sees the packets that are sent.
for name in edge partner messenger user attacker; do
    in_ns "$name" ethtool -K eth0 tso off tx-udp-segmentation off >/dev/null
done
run_cases "$@"
