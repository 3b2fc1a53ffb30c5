#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Floods of ten times (PM_FLOOD_TIMES) what each table holds. During each flood conversations go on, quiet
# flows that this host opened survive, new clients connect, every packet is counted once, and no memory
# grows. PM_FIGURES names a file for the figures, which scripts/floods puts into docs/floods.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/talks.sh
. "$here/talks.sh"

CAPACITY=4096 # half of it for what outsiders open, an eighth for what nobody has answered yet
OUTSIDE=$((CAPACITY / 2)) OPENING=$((CAPACITY / 8)) ASSURED=$((CAPACITY * 3 / 8))
QUIET=100     # flows that must survive
LIMITS=16384 FRAGMENTS=4096 # entries of these tables, which no policy changes
TALKS=20                    # conversations of each kind that go on meanwhile
TIMES=${PM_FLOOD_TIMES:-10}

packets_counted() { # packets that came in and were counted, on a row or a reason
    pm status --json | jq '([.rows[].packets_in] | add) +
        ([.drops[] | select(.direction == "in") | .packets] | add // 0)'
}
seen() { in_ns edge ethtool -S eth0 | awk '/rx_queue_[0-9]+_xdp_packets/ { n += $2 } END { print n + 0 }'; }
memory() {
    local map
    for map in "$PORTMATRIX_PIN_DIR"/{outside,opening,assured,limits,fragments}; do
        bpftool -j map show pinned "$map" | jq .bytes_memlock
    done | paste -sd+ | bc
}

begin_flood() {
    counted_before=$(packets_counted) seen_before=$(seen) memory_before=$(memory)
    status_before=$(pm status --json)
    begin_talk tcp-in user "$EDGE4" $TALKS tcp:443 "$USER4" 0.1
    begin_talk udp-out edge "$MESSENGER4" $TALKS udp:3478 "$EDGE4" 0.1
    await_talks
}

# What came in since begin_flood: packets that passed, and packets dropped by reason.
verdicts() {
    jq -rn --argjson before "$status_before" --argjson after "$(pm status --json)" '
        def passed: [.rows[].packets_in] | add;
        def drops: [.drops[] | select(.direction == "in") | {(.reason): .packets}] | add // {};
        ($before | drops) as $old | [
            ($after | passed) - ($before | passed),
            ([$after | drops | to_entries[] | {key, value: (.value - ($old[.key] // 0))} |
                select(.value > 0) | "\(.value) \(.key)"] | join(", "))
        ] | @tsv'
}

# Checks what must hold after any flood, and prints its line of figures.
end_flood() { # SENT WHAT
    local counted_now seen_now live kind said=() verdicts lost
    end_talks >/dev/null
    for kind in tcp-in udp-out; do
        expect_equal 0 "$(talk_result $kind broken)" "conversations $kind that broke"
        expect_equal 0 "$(talk_result $kind silent)" "conversations $kind without an answer"
        lost=$(($(talk_result $kind sent) - $(talk_result $kind heard)))
        said+=("$lost of $(talk_result $kind sent)")
        # A full queue of the virtual link may lose a few lines. A flow that lost its place would get none.
        [ "$lost" -le $(($(talk_result $kind sent) / 20)) ] ||
            { echo "$kind lost ${said[-1]} lines"; return 1; }
    done
    seen_now=$(seen) counted_now=$(packets_counted) verdicts=$(verdicts)
    [ $((counted_now - counted_before)) -ge $((seen_now - seen_before)) ] ||
        { echo "seen $((seen_now - seen_before)), counted $((counted_now - counted_before))"; return 1; }
    expect_equal "$memory_before" "$(memory)" "bytes of the tables"
    live=$(pm status --json | jq .flows.live)
    [ "$live" -le "$CAPACITY" ]
    echo "# $1 $2; passed and dropped: ${verdicts//$'\t'/; }"
    echo "# lines lost by TCP: ${said[0]}, by UDP: ${said[1]}; live flows afterwards: $live"
    [ -z "${PM_FIGURES:-}" ] ||
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1 $2" $((seen_now - seen_before)) "$verdicts" \
            "$QUIET of $QUIET" "${said[@]}" >>"$PM_FIGURES"
}

# The messenger sends to each quiet flow. Its datagram passes only while the flow lives, since no row lets
# a peer speak first.
reach_quiet_flows() {
    local reached
    echo >&"$caller"
    echo >&"$holder"
    read -r -t 10 reached <&"$answers"
    expect_equal "$QUIET" "$reached" "UDP flows of this host that are reached"
}

case_prepare() {
    sed "s/contoso-edge/flood/" "$here/edge.yaml" >"$LAB/flood.yaml"
    cat >>"$LAB/flood.yaml" <<END
flow-capacity: $CAPACITY
matrix:
  - { id: limited-in, transport: udp, source: clients, destination: access, port: 5060,
      limit: { new-flows: 1/s, burst: 2, per: peer } }
END
    pm apply -i eth0 "$LAB/flood.yaml"
    expect_equal "$CAPACITY" "$(pm status --json | jq .flows.capacity)" capacity
}

case_syn_flood_from_ever_other_addresses() {
    begin_flood
    local sent new=0 flooding
    flood attacker send syn "$MAC" "$EDGE4" 443 $((OUTSIDE * TIMES)) >"$LAB/log/sent" &
    flooding=$!
    while kill -0 "$flooding" 2>/dev/null; do
        tcp_talks user "$EDGE4" 443
        new=$((new + 1))
    done
    wait "$flooding"
    sent=$(cat "$LAB/log/sent")
    reach_quiet_flows
    echo "# $new of $new new clients connected meanwhile"
    [ "$new" -gt 0 ]
    end_flood "$sent" "SYNs, each of another source"
}

case_one_datagram_of_each_source() {
    begin_flood
    local sent
    sent=$(flood attacker send udp "$MAC" "$EDGE4" 3478 $((OUTSIDE * TIMES)))
    reach_quiet_flows
    end_flood "$sent" "datagrams, each of another source, to a service that answers"
}

case_two_datagrams_of_each_source() {
    begin_flood
    local sent
    sent=$(flood attacker send udp2 "$MAC" "$EDGE4" 3478 $((OUTSIDE * TIMES)))
    reach_quiet_flows
    end_flood "$sent" "datagrams, two of each source"
}

case_first_fragments_without_end() {
    begin_flood
    local sent
    sent=$(flood attacker send part "$MAC" "$EDGE4" 3478 $((FRAGMENTS * TIMES)))
    reach_quiet_flows
    end_flood "$sent" "first fragments, each of another source"
}

case_a_limit_by_peer_and_ever_other_peers() {
    begin_flood
    local sent
    sent=$(flood attacker send udp "$MAC" "$EDGE4" 5060 $((LIMITS * TIMES)))
    reach_quiet_flows
    end_flood "$sent" "datagrams, each of another source, to a row with a limit by peer"
}

# KIND ROW EDGE USER WHAT: whom the Edge asks for, and who asks for it, goes on being heard.
flood_of_essentials() {
    begin_flood
    local sent asked=0 flooding before
    before=$(row_count "$2" packets_in)
    flood attacker send "$1" "$MAC" "$3" 0 $((20000 * TIMES)) >"$LAB/log/sent" &
    flooding=$!
    while kill -0 "$flooding" 2>/dev/null; do
        in_ns edge ip neigh flush to "$4"
        wait_for 20 pings edge "$4" 1 # a full queue may lose one
        in_ns user ip neigh flush to "$3"
        wait_for 20 pings user "$3" 1
        asked=$((asked + 1))
    done
    wait "$flooding"
    sent=$(cat "$LAB/log/sent")
    echo "# of $sent, $(($(row_count "$2" packets_in) - before)) passed; $asked of $asked neighbours found"
    [ "$asked" -gt 0 ]
    [ $(($(row_count "$2" packets_in) - before)) -lt "$sent" ]
    reach_quiet_flows
    end_flood "$sent" "$5"
}

case_questions_of_arp() {
    flood_of_essentials arp essential-arp "$EDGE4" "$USER4" "ARP requests, each of another neighbour"
}
case_neighbour_solicitations() {
    flood_of_essentials discovery essential-neighbour "$EDGE6" "$USER6" \
        "neighbour solicitations, each of another neighbour"
}
case_reports_of_groups() {
    flood_of_essentials igmp essential-multicast "$EDGE4" "$USER4" "IGMP reports"
}

case_one_peer_beyond_its_limit() {
    begin_flood
    local sent before
    before=$(drop_count in rate-limited)
    sent=$(flood attacker send one "$MAC" "$EDGE4" 5060 $((OUTSIDE * TIMES)))
    reach_quiet_flows
    [ $(($(drop_count in rate-limited) - before)) -ge $((sent * 99 / 100)) ]
    end_flood "$sent" "datagrams of one source to a row with a limit by peer"
}

case_ack_flood() {
    begin_flood
    local before sent began
    before=$(drop_count in not-first-packet)
    began=$SECONDS
    sent=$(flood attacker send ack "$MAC" "$EDGE4" 443 $((OUTSIDE * TIMES)))
    reach_quiet_flows
    tcp_talks user "$EDGE4" 443
    # Those of forgotten connections pass at 1,000 a second, and 1,000 at once.
    [ $(($(drop_count in not-first-packet) - before)) -ge $((sent - 1000 * (SECONDS - began + 2))) ]
    end_flood "$sent" "ACKs, each of another source"
}

case_handshakes_from_one_address() {
    begin_flood
    local sent
    sent=$(flood attacker shake "$EDGE4" 443 $((ASSURED * TIMES)) "$ATTACKER4")
    reach_quiet_flows
    end_flood "$sent" "whole connections from one address"
}

case_handshakes_from_a_thousand_addresses() {
    begin_flood
    local addresses
    mapfile -t addresses < <(/usr/bin/python3 -c \
        'for i in range(1000): print(f"12.0.{i >> 8}.{i & 255}")')
    printf 'address add %s/32 dev eth0\n' "${addresses[@]}" | in_ns attacker ip -batch -
    local sent
    sent=$(flood attacker shake "$EDGE4" 443 $((ASSURED * TIMES)) "${addresses[@]}")
    reach_quiet_flows
    end_flood "$sent" "whole connections from 1,000 addresses"
}

case_a_local_user_who_asks_everyone() {
    begin_flood
    local sent
    sent=$(flood edge ask "$MESSENGER4" 3478 $((ASSURED * TIMES)) "$EDGE4" 0.2)
    reach_quiet_flows
    end_flood "${sent% *}" "datagrams of a local user, ${sent#* } answered"
}

case_a_local_user_whom_nobody_answers() {
    begin_flood
    local sent
    sent=$(flood edge ask "$USER4" 3478 $((OPENING * TIMES)) "$EDGE4" 0)
    reach_quiet_flows
    end_flood "${sent% *}" "datagrams of a local user that nobody answers"
}

case_the_first_connection_still_talks() {
    talks after
    expect_equal 0 "$(pm status --json |
        jq '[.drops[] | select(.reason == "flow-table-full") | .packets] | add // 0')" flow-table-full
}

talks() { # WORD: there and back on the connection that was there from the start
    local line
    echo "$1" >&"$talk_in"
    read -r -t 10 line <&"$talk_out"
    expect_equal "$1" "$line" "of the first connection"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_start edge edge-echo /usr/bin/python3 "$here/talkers.py" serve tcp:443 udp:3478
lab_await edge tcp 443
lab_await edge udp 3478
in_ns edge sysctl -qw net.ipv4.tcp_syncookies=1
# Answers to addresses that belong to nobody go to a host that ignores them.
for name in 11.0.0.0/8 12.0.0.0/16; do
    via=$USER4
    [ $name = 11.0.0.0/8 ] || via=$ATTACKER4
    in_ns edge ip route add $name via "$via" dev eth0 onlink
done
MAC=$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')
case_prepare
mkfifo "$LAB/call" "$LAB/hold" "$LAB/answers"
in_ns messenger /usr/bin/python3 "$here/floods.py" call "$MESSENGER4" 3478 \
    <"$LAB/call" >"$LAB/log/call" 2>&1 &
exec {caller}>"$LAB/call"
wait_for 20 grep -q ready "$LAB/log/call"
in_ns edge /usr/bin/python3 "$here/floods.py" hold "$EDGE4" "$MESSENGER4" 3478 "$QUIET" \
    <"$LAB/hold" >"$LAB/answers" 2>"$LAB/log/hold" &
exec {holder}>"$LAB/hold" {answers}<"$LAB/answers"
read -r -t 20 word <&"$answers"
expect_equal ready "$word" "the quiet flows"
# It takes 96 of them at once, the others at its pace, each at a packet of its peer.
are_assured() { reach_quiet_flows && [ "$(bpftool -j map dump pinned "$PORTMATRIX_PIN_DIR/assured" | jq length)" -ge "$QUIET" ]; }
wait_for 20 are_assured
coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-user" socat - "TCP:$EDGE4:443"; }
exec {talk_out}<&"${TALK[0]}" {talk_in}>&"${TALK[1]}"
talks before
run_cases "$@"
