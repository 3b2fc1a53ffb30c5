#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# monitor shows each drop on a line with reason, row and packet, and counts what it could not show. A
# monitor that does not read, or is killed, changes nothing for any packet.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/exporter.sh
. "$here/exporter.sh"

# LABEL [OPTION...]: starts it in the background, with its output in $LAB/log/LABEL, and waits until it is
# armed; sets MONITOR.
start_monitor() {
    local label=$1 before
    shift
    before=$(armed)
    # Not by a function: $! must be the program, which gets the signals.
    nsenter --net="/run/netns/$LAB_NET-edge" "$PORTMATRIX" monitor "$@" >"$LAB/log/$label" 2>"$LAB/log/$label.err" &
    MONITOR=$!
    wait_for 20 more_armed "$before"
}
# How many rings are armed or were so a moment ago.
armed() {
    bpftool -j map dump pinned "$PORTMATRIX_PIN_DIR/rings" |
        jq '[.[] | .value[0:8] | select(any(. != "0x00"))] | length'
}
more_armed() { [ "$(armed)" -gt "$1" ]; }
stop_monitor() { # SIGNAL [STATUS]
    local status=0
    kill "-$1" "$MONITOR"
    wait "$MONITOR" || status=$?
    expect_equal "${2:-0}" "$status" "exit status of monitor"
}
shown() { jq -s "[.[] | select(.event == \"drop\" and ($2)).packets] | add // 0" "$LAB/log/$1"; }
has_shown() { [ "$(shown "$1" "$2")" -ge "$3" ]; }
at_end() { jq -s ".[-1] | select(.event == \"end\").$2" "$LAB/log/$1"; }

ROOM=1489 # events for which a ring has room

few_policy() { # one row may open one flow a minute
    sed 's/^expect:/matrix:\n  - { id: few, transport: udp, source: any, destination: access, port: 7000, limit: { new-flows: 1\/min, burst: 1, per: row } }\nexpect:/' \
        "$here/edge.yaml" >"$LAB/few.yaml"
}

exported_lost() { # what the exporter says is lost
    metric portmatrix_events_lost_total
}
exports() { [ "$(exported_lost)" = "$1" ]; }

case_nothing_attached_is_nothing_to_monitor() {
    expect_status 1 pm monitor
    expect_output "nothing is attached"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
}

case_wrong_words_are_usage_errors() {
    expect_status 2 pm monitor --reason no-such
    expect_output "there is no drop reason 'no-such'"
    expect_status 2 pm monitor --row no-such
    expect_output "has no row 'no-such'"
    expect_status 2 pm monitor --peer 1.2.3
    expect_status 2 pm monitor --peer 198.51.100.7/24
    expect_output "the prefix is 198.51.100.0/24"
    expect_status 2 pm monitor --port sip
    expect_output "write --port 5061"
    expect_status 2 pm monitor --proto tpc
    expect_status 2 pm monitor --direction up
    expect_status 2 pm monitor --summary 10
    expect_status 2 pm monitor -i eth7
    expect_status 2 pm monitor --limit many
    expect_equal 0 "$(armed)" "armed rings"
}

case_each_drop_is_a_line_that_says_what_it_was() {
    start_monitor each --json
    refused tcp_talks attacker "$EDGE4" 22
    send_datagrams attacker "$EDGE6" 9 2
    send_datagrams edge "$MESSENGER4" 9 3
    wait_for 20 has_shown each '.direction == "out" and .transport == "udp"' 3
    stop_monitor INT
    jq -es --arg from "$ATTACKER4" --arg to "$EDGE4" 'any(.event == "drop" and .interface == "eth0"
        and .direction == "in" and .reason == "no-row" and .transport == "tcp" and .source == $from
        and .destination == $to and .destination_port == "22" and .tcp_flags == ["SYN"] and .row == null
        and .would == false and .bytes == 60 and (.time | test("^20[0-9-]*T[0-9:.]*Z$")))' "$LAB/log/each" >/dev/null
    expect_equal 2 "$(shown each ".source == \"$ATTACKER6\" and .reason == \"no-service\"")" "IPv6 datagrams"
    expect_equal 3 "$(shown each ".destination == \"$MESSENGER4\" and .direction == \"out\"")" "datagrams out"
    expect_equal 0 "$(at_end each lost)" lost
    expect_equal "$(shown each true)" "$(at_end each packets)" "packets in the summary"
}

case_the_text_is_a_line_a_drop_too() {
    start_monitor text --limit 1
    send_datagrams attacker "$EDGE4" 9 5
    wait "$MONITOR"
    expect_equal 2 "$(wc -l <"$LAB/log/text")" lines
    grep -qE "Z eth0 in  no-service +udp $ATTACKER4:[0-9]+ -> $EDGE4:9, 60 bytes\$" "$LAB/log/text"
    grep -q 'Z -- 1 dropped packet shown, 0 lost; the limit is reached$' "$LAB/log/text"
}

case_what_is_not_asked_for_is_not_shown() {
    local reason peer
    start_monitor reason --json --reason no-row --reason malformed-l4
    reason=$MONITOR
    start_monitor peer --json --peer "$PARTNER4"
    peer=$MONITOR
    send_datagrams attacker "$EDGE4" 9 4
    refused tcp_talks attacker "$EDGE4" 22
    send_datagrams partner "$EDGE4" 9 3
    wait_for 20 has_shown reason true 1
    wait_for 20 has_shown peer true 3
    MONITOR=$reason stop_monitor TERM
    MONITOR=$peer stop_monitor TERM
    expect_equal '["no-row"]' "$(jq -cs '[.[] | .reason // empty] | unique' "$LAB/log/reason")" reasons
    expect_equal 3 "$(shown peer true)" "of the peer"
}

case_a_prefix_a_port_and_a_direction_choose() {
    local prefix port
    start_monitor prefix --json --peer "${PARTNER4%.*}.0/24"
    prefix=$MONITOR
    start_monitor port --json --port 9 --proto udp --direction in --peer "${ATTACKER6%::*}::/48"
    port=$MONITOR
    kill -STOP "$prefix" # its ring would be full if the programs did not choose the prefix
    send_datagrams attacker "$EDGE4" 9 $((2 * ROOM))
    kill -CONT "$prefix"
    send_datagrams partner "$EDGE4" 9 3
    send_datagrams attacker "$EDGE6" 9 2
    send_datagrams attacker "$EDGE6" 10 5
    wait_for 20 has_shown prefix true 3
    wait_for 20 has_shown port true 2
    MONITOR=$prefix stop_monitor INT
    expect_equal 0 "$(at_end prefix lost)" lost
    MONITOR=$port stop_monitor INT
    expect_equal "3 [\"$PARTNER4\"]" "$(shown prefix true) $(jq -cs '[.[] | .source // empty] | unique' "$LAB/log/prefix")" "of the prefix"
    expect_equal '2 ["9"]' "$(shown port true) $(jq -cs '[.[] | .destination_port // empty] | unique' "$LAB/log/port")" "to the port"
}

case_a_summary_sums_what_comes_in_its_time() {
    start_monitor sums --json --summary 1h
    send_datagrams attacker "$EDGE4" 9 6
    send_datagrams partner "$EDGE4" 9 2
    stop_monitor INT # before its time
    expect_equal '[[8,"no-service"],[6,"'"$ATTACKER4"'"],[2,"'"$PARTNER4"'"]]' \
        "$(jq -cs '[.[] | select(.event == "sum") | [.packets, .reason // .peer // .row]]' "$LAB/log/sums")" sums
    expect_equal "8 0" "$(at_end sums packets) $(at_end sums lost)" "summed and lost"
    start_monitor summary --summary 2s
    send_datagrams attacker "$EDGE4" 9 6
    wait "$MONITOR"
    grep -qE "^$ATTACKER4 +6\$" "$LAB/log/summary"
    grep -qE -- '-- 6 dropped packets summed in [2-9] s, 0 lost$' "$LAB/log/summary"
}

# As its unit runs it: without a capability, with pins that are read-only. The journal is the test's own.
start_droplog() {
    local before
    before=$(armed)
    mkdir -p "$LAB/readable"
    # shellcheck disable=SC2016 # expanded by the inner shell
    nsenter --net="/run/netns/$LAB_NET-edge" unshare --mount sh -ec '
        mount --bind "$PORTMATRIX_PIN_DIR" "$1/readable"
        mount -o remount,ro,bind "$1/readable"
        mount -t tmpfs journal /run/systemd
        mkdir /run/systemd/journal
        /usr/bin/python3 "$2" /run/systemd/journal/socket "$1/journal" &
        until [ -S /run/systemd/journal/socket ]; do sleep 0.02; done
        export PORTMATRIX_PIN_DIR="$1/readable"
        exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$3" droplog' \
        sh "$LAB" "$here/journal.py" "$PORTMATRIX" >"$LAB/log/droplog" 2>&1 &
    MONITOR=$!
    wait_for 20 more_armed "$before" || { cat "$LAB/log/droplog"; return 1; }
}
drops() { # what `drops` says of that journal
    in_ns edge env PATH="$LAB/bin:$PATH" "$PORTMATRIX" drops "$@"
}

case_the_drop_log_keeps_who_was_dropped_and_drops_reads_it() {
    mkdir -p "$LAB/bin"
    printf '#!/bin/sh\necho "$@" >"%s/asked"\ncat "%s/journal"\n' "$LAB" "$LAB" >"$LAB/bin/journalctl"
    chmod +x "$LAB/bin/journalctl"
    start_droplog
    send_datagrams attacker "$EDGE4" 9 6
    send_datagrams attacker "$EDGE4" 10 1
    send_datagrams partner "$EDGE6" 9 2
    send_datagrams edge "$MESSENGER4" 9 1
    stop_monitor TERM
    # shellcheck disable=SC2317 # called by wait_for
    has_ended() { grep -q '"minute"' "$LAB/journal"; }
    wait_for 20 has_ended
    expect_equal 4 "$(wc -l <"$LAB/journal")" entries
    grep -q "dropped 7 packets from $ATTACKER4 on eth0: no-service, udp port 9,10\"" "$LAB/journal"
    drops --since 2h --json >"$LAB/drops"
    expect_equal "[\"$ATTACKER4\",7,[\"9\",\"10\"],\"in\",\"no-service\"]" \
        "$(jq -cs '.[] | select(.peer == "'"$ATTACKER4"'") | [.peer, .packets, .ports, .direction, .reason]' "$LAB/drops")" "of the attacker"
    expect_equal "[10,10,0]" "$(jq -cs '.[-1] | [.packets, .listed, .lost]' "$LAB/drops")" "of the minute"
    grep -qE -- "--since=@[0-9]+ MESSAGE_ID=[0-9a-f]{32} _UID=0\$" "$LAB/asked"
    expect_equal 2 "$(drops --peer "${PARTNER6%::*}::/48" --json | jq -s 'map(.packets) | .[0]')" "of a prefix"
    expect_equal 1 "$(drops --direction out --json | jq -s 'map(select(.event == "drops")) | length')" "that went out"
    expect_status 0 drops --port 10
    expect_output "$ATTACKER4"
    expect_output "this is a sample, of at most 50 lines a minute: 10 dropped packets seen, 0 of them in no line"
    expect_status 2 drops --since yesterday
    expect_status 2 drops --reason no-such
}

case_without_a_journal_the_drop_log_says_so() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    local -a without=(in_ns edge unshare --mount sh -c 'mount -t tmpfs none /run/systemd && exec "$@"' sh)
    expect_status 1 "${without[@]}" "$PORTMATRIX" droplog
    expect_output "no journal runs on this host"
    expect_output "portmatrix monitor"
    mkdir -p "$LAB/bin"
    printf '#!/bin/sh\n' >"$LAB/bin/journalctl"
    chmod +x "$LAB/bin/journalctl"
    expect_status 1 "${without[@]}" env PATH="$LAB/bin:$PATH" "$PORTMATRIX" drops
    expect_output "no journal runs on this host"
    expect_status 1 in_ns edge env PATH="$LAB/none" "$PORTMATRIX" drops
    expect_output "cannot run journalctl"
    expect_equal 0 "$(armed)" "armed rings"
}

case_a_drop_of_a_row_names_it() {
    few_policy
    expect_status 0 pm apply "$LAB/few.yaml"
    start_monitor row --json --row few
    for _ in 1 2 3 4; do send_datagrams attacker "$EDGE4" 7000 1; done
    send_datagrams attacker "$EDGE4" 9 1
    wait_for 20 has_shown row true 3
    stop_monitor INT
    expect_equal '["few rate-limited"]' "$(jq -cs '[.[] | select(.event == "drop") | .row + " " + .reason] | unique' "$LAB/log/row")" rows
    expect_status 0 pm apply "$here/edge.yaml"
}

case_audit_says_that_it_would_have() {
    expect_status 0 pm apply --mode audit
    start_monitor audit --json --limit 2
    send_datagrams attacker "$EDGE4" 9 2
    wait "$MONITOR"
    expect_equal 2 "$(shown audit .would)" "would have been dropped"
    start_monitor audit-text --limit 1
    send_datagrams attacker "$EDGE4" 9 1
    wait "$MONITOR"
    grep -q '(would drop) no-service' "$LAB/log/audit-text"
    expect_status 0 pm apply --mode enforce
}

case_a_capture_opens_in_wireshark() {
    local file=$LAB/drops.pcapng
    start_monitor pcap --pcap "$file" --limit 3
    refused tcp_talks attacker "$EDGE4" 22
    send_datagrams attacker "$EDGE6" 9 1
    send_datagrams edge "$MESSENGER4" 9 9
    wait "$MONITOR"
    tshark -r "$file" -T fields -e frame.comment -e frame.packet_flags_direction -e frame.interface_name \
        -e ip.src -e ipv6.src -e tcp.dstport -e udp.dstport -e _ws.expert.severity >"$LAB/fields" 2>/dev/null
    expect_equal 3 "$(wc -l <"$LAB/fields")" packets
    grep -qP "^dropped: no-row\t0x00000001\teth0\t$ATTACKER4\t\t22\t" "$LAB/fields"
    capinfos -c -x "$file" | grep -E 'Number of packets: +3' >/dev/null
    # It overwrites its own capture, and nothing else.
    start_monitor pcap --pcap "$file" --limit 1
    send_datagrams attacker "$EDGE4" 9 1
    wait "$MONITOR"
    expect_equal 1 "$(tshark -r "$file" 2>/dev/null | wc -l)" packets
    echo precious >"$LAB/notes"
    expect_status 4 pm monitor --pcap "$LAB/notes"
    expect_output "is no capture of portmatrix"
    expect_equal precious "$(cat "$LAB/notes")" "what stood there"
}

# COUNT [SIZE [SECONDS]]: sends datagrams while a monitor is armed and does not read. Packets pass as before,
# and the monitor reports as many lost events as the exporter; sets LOST.
drop_unread() {
    local dropped_before lost_before
    dropped_before=$(drop_count any any) lost_before=$(exported_lost)
    start_monitor unread --json
    kill -STOP "$MONITOR"
    send_datagrams attacker "$EDGE4" 9 "$@"
    pings user "$EDGE4" 20
    tcp_talks user "$EDGE4" 22
    expect_equal $((dropped_before + $1)) "$(drop_count any any)" dropped
    kill -CONT "$MONITOR"
    stop_monitor INT
    LOST=$(at_end unread lost)
    expect_equal "$1" $(($(shown unread true) + LOST)) "shown and lost"
    wait_for 20 exports $((lost_before + LOST)) ||
        expect_equal $((lost_before + LOST)) "$(exported_lost)" "lost, as it is exported"
    echo "# $(shown unread true) shown, $LOST lost"
}

case_events_and_losses_add_up_with_the_counters_though_nobody_reads() {
    lab_start edge exporter "$PORTMATRIX" export --interval 1s
    lab_await edge tcp 9927
    expect_equal 0 "$(exported_lost)" "lost before"
    drop_unread 12000
    [ "$LOST" -ge $((12000 - ROOM)) ]
}

# Slower than the limit of events for a CPU, so only what the ring has no room for is lost.
case_what_a_full_ring_loses_is_counted() {
    drop_unread $((ROOM + 300)) 32 0.0005
    expect_equal 300 "$LOST" lost
}

case_who_reads_loses_nothing() {
    local before
    before=$(exported_lost)
    start_monitor read --json
    send_datagrams attacker "$EDGE4" 9 $((ROOM + 300)) 32 0.0005
    wait_for 20 has_shown read true $((ROOM + 300))
    stop_monitor INT
    expect_equal 0 "$(at_end read lost)" lost
    expect_equal "$before" "$(exported_lost)" "lost, as it is exported"
}

case_eight_may_monitor_and_the_ninth_is_told() {
    local -a all=()
    local one
    for one in 1 2 3 4 5 6 7 8; do
        start_monitor "many-$one" --json
        all+=("$MONITOR")
    done
    expect_status 1 pm monitor
    expect_output "8 others are monitoring already"
    send_datagrams attacker "$EDGE4" 9 5
    for one in 1 2 3 4 5 6 7 8; do wait_for 20 has_shown "many-$one" true 5; done
    for MONITOR in "${all[@]}"; do stop_monitor INT; done
    expect_equal 0 "$(armed)" "armed rings"
}

case_a_killed_one_leaves_its_ring_to_the_next() {
    start_monitor killed --json
    stop_monitor KILL 137
    expect_equal 1 "$(armed)" "rings that are still armed"
    send_datagrams attacker "$EDGE4" 9 7
    in_ns edge "$PORTMATRIX" monitor --json --limit 2 >"$LAB/log/next" 2>&1 &
    MONITOR=$!
    # shellcheck disable=SC2317 # called by wait_for
    sends_and_ends() { send_datagrams attacker "$EDGE4" 10 1; [ ! -e "/proc/$MONITOR" ]; }
    wait_for 30 sends_and_ends
    wait "$MONITOR"
    expect_equal 2 "$(shown next '.destination_port == "10"')" "events that are its own"
    expect_equal 0 "$(armed)" "armed rings"
}

case_rollbacks_and_changes_are_told() {
    few_policy
    start_monitor told --json
    # Long enough for a monitor that looks once a second to see it as pending.
    expect_status 0 pm apply "$LAB/few.yaml" --confirm-within 4s
    # shellcheck disable=SC2317 # called by wait_for
    has_told() { jq -es "any(.event == \"$1\")" "$LAB/log/told"; }
    wait_for 20 has_told policy
    wait_for 20 has_told rollback
    stop_monitor INT
    jq -es 'map(select(.event == "rollback"))[0].message | startswith("ROLLED BACK: generation")' "$LAB/log/told" >/dev/null
}

case_a_policy_that_outgrows_its_memory_is_told_too() {
    local generation
    start_monitor grown --json
    expect_status 0 pm apply "$(large_policy large 200000)"
    generation=$(generation_in_force)
    # shellcheck disable=SC2317 # called by wait_for
    has_told() { jq -es 'any(.event == "policy")' "$LAB/log/grown"; }
    wait_for 20 has_told
    stop_monitor INT
    expect_equal "[\"large\",$generation]" \
        "$(jq -c 'select(.event == "policy") | [.policy, .generation]' "$LAB/log/grown")" "told"
    expect_status 0 pm apply "$here/edge.yaml"
}

case_it_ends_when_all_is_detached() {
    start_monitor detached
    expect_status 0 pm detach --all
    local status=0
    wait "$MONITOR" || status=$?
    expect_equal 1 "$status" "exit status"
    grep -q "what was attached is detached" "$LAB/log/detached.err"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
run_cases "$@"
