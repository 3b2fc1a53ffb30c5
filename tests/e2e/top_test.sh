#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# top on a terminal (tmux) that is resized, made tiny and typed at, and as plain text in a pipe. And flows,
# by row, peer and size.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

mux() { tmux -L "$LAB_NET" -f /dev/null "$@"; }
screen() { mux capture-pane -p -t top; }
shows() { screen | grep -F -- "$1"; }
shows_not() { ! shows "$1"; }
press() { mux send-keys -t top "$@"; }

start_top() { # WIDTH HEIGHT [ENV...]
    local width=$1 height=$2
    shift 2
    mux kill-session -t top 2>/dev/null || true
    # The server ends with its last session, and takes no new one meanwhile.
    wait_for 20 mux new-session -d -s top -x "$width" -y "$height" \
        "env $* nsenter --net=/run/netns/$LAB_NET-edge $PORTMATRIX top --interval 1s; echo \"ended \$?\"; sleep 60"
    wait_for 20 shows "contoso-edge"
}

case_it_draws_rows_drops_and_flows() {
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-user" socat - "TCP:$EDGE4:22"; }
    # shellcheck disable=SC2153 # set by coproc
    echo hello >&"${TALK[1]}"
    refused tcp_talks attacker "$EDGE4" 22
    start_top 120 40 LC_ALL=C.UTF-8
    wait_for 20 shows "generation 1 enforce  on eth0  every 1 s"
    wait_for 20 shows "ssh-admins"
    wait_for 20 shows "no-row"
    wait_for 20 shows "$USER4"
    expect_equal 40 "$(screen | wc -l)" lines
}

case_rates_and_bars_move_with_the_packets() {
    in_ns user ping -q -i 0.02 -c 1000 "$EDGE4" >/dev/null 2>&1 &
    local ping=$!
    # The busiest row comes first, with a full bar.
    # shellcheck disable=SC2317 # called by wait_for
    leads() { screen | sed -n 4p | grep -E '^ping-in +█{8} +[1-9]'; }
    wait_for 20 leads
    kill "$ping"
    wait "$ping" 2>/dev/null || true
}

case_keys_sort_filter_and_switch() {
    press s
    wait_for 20 shows "by bits/s"
    press r
    wait_for 20 shows "by bits/s, reversed"
    press Tab
    wait_for 20 shows "by packets/s  Tab pane"
    press /
    wait_for 20 shows "show only: _"
    press no-row Enter
    wait_for 20 shows "with no-row"
    wait_for 20 shows_not "ssh-admins"
    press Escape
    wait_for 20 shows "ssh-admins"
    press z
    wait_for 20 shows_not "ssh-admins"
    shows "no-row"
    press z h
    wait_for 20 shows "sort by the next"
    press x
    wait_for 20 shows "ssh-admins"
    press + +
    wait_for 20 shows "every 3 s"
    press p
    wait_for 20 shows "(stands still)"
    press p 1
    wait_for 20 shows_not "(stands still)"
    press b
    wait_for 20 shows "FLOWS"
    press b b b b 1
    wait_for 20 shows "LOCAL"
}

case_it_follows_the_terminal_and_survives_a_tiny_one() {
    local size
    mux resize-window -t top -x 60 -y 12
    wait_for 20 shows "Tab pane"
    for size in "20 5" "3 2" "1 1" "10 3" "200 60" "80 24"; do
        # shellcheck disable=SC2086 # two words
        set -- $size
        mux resize-window -t top -x "$1" -y "$2"
        press Tab Down Up PageDown Home
    done
    wait_for 20 shows "contoso-edge"
    wait_for 20 shows "DROPPED"
    wait_for 20 shows "Tab pane"
}

case_it_gives_the_terminal_back() {
    press q
    wait_for 20 shows "ended 0"
    shows_not "ssh-admins"
}

case_a_terminal_without_utf8_has_plain_bars() {
    start_top 100 30 LC_ALL=C NO_COLOR=1
    in_ns user ping -q -i 0.02 -c 500 "$EDGE4" >/dev/null 2>&1 &
    local ping=$!
    wait_for 20 shows "########"
    kill "$ping"
    wait "$ping" 2>/dev/null || true
    press C-c
    wait_for 20 shows "ended 0"
}

case_an_unknown_terminal_is_told() {
    mux kill-session -t top 2>/dev/null || true
    mux new-session -d -s top -x 100 -y 20 \
        "env TERM=no-such nsenter --net=/run/netns/$LAB_NET-edge $PORTMATRIX top; echo \"ended \$?\"; sleep 60"
    wait_for 20 shows "ended 1"
    shows "cannot draw on the terminal 'no-such'"
}

case_in_a_pipe_it_is_plain_text() {
    local once
    once=$(pm top --once --interval 1s)
    grep -q '^20.*Z  contoso-edge generation 1 enforce  on eth0$' <<<"$once"
    grep -q '^ssh-admins ' <<<"$once"
    grep -q '^no-row ' <<<"$once"
    refused grep -q $'\033' <<<"$once"
    # Prints one picture after the other until nobody reads any more.
    expect_equal 2 "$({ pm top --interval 1s || true; } | grep -m 2 -c "^ROW ")" tables
    expect_status 2 pm top --interval soon
    expect_status 2 pm top -i eth7 --once
}

case_flows_by_row_peer_and_size() {
    local all
    all=$(pm flows --json | wc -l)
    [ "$all" -ge 1 ]
    expect_equal '["ssh-admins"]' "$(pm flows --row ssh-admins --json | jq -cs 'map(.row) | unique')" rows
    expect_equal '["192.0.2.40"]' "$(pm flows --peer "$USER4" --json | jq -cs 'map(.remote) | unique')" peers
    expect_equal 0 "$(pm flows --peer 192.0.2.99 --json | wc -l)" "flows with nobody"
    in_ns user python3 - "$EDGE4" <<'PYTHON'
import socket, sys
for size in (10, 400, 90):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(500 // size):
        one.sendto(b"x" * size, (sys.argv[1], 3478))
PYTHON
    pm flows --sort bytes --json >"$LAB/flows"
    jq -es 'map(.bytes_in + .bytes_out) | . == (sort | reverse)' "$LAB/flows" >/dev/null
    pm flows --sort packets --json | jq -es 'map(.packets_in + .packets_out) | . == (sort | reverse)' >/dev/null
    pm flows --sort age --json | jq -es 'map(.age_seconds) | . == (sort | reverse)' >/dev/null
    expect_equal 2 "$(pm flows --limit 2 --json | wc -l)" "flows at most"
    expect_equal 3 "$(pm flows --limit 2 | wc -l)" lines
    expect_equal '["192.0.2.40"]' "$(pm flows --peer 192.0.2.0/26 --json | jq -cs 'map(.remote) | unique')" "of a prefix"
    expect_equal 0 "$(pm flows --peer 192.0.2.0/27 --json | wc -l)" "of another"
    expect_equal '["udp 3478"]' "$(pm flows --port 3470-3480 --proto udp --direction in --json |
        jq -cs 'map(.transport + " " + .local_port) | unique')" "of a port"
    expect_equal 0 "$(pm flows --direction out --json | wc -l)" "that this host opened"
    expect_status 2 pm flows --row no-such
    expect_output "has no row 'no-such'"
    expect_status 2 pm flows --sort size
    expect_status 2 pm flows --peer nobody
    expect_output "write an address or a prefix"
    expect_status 2 pm flows --port 99999
    expect_status 2 pm flows --port 22 --proto icmp
    expect_output "icmp has no ports"
}

# The sums are those of what `flows` lists.
case_sums_of_flows_by_peer_prefix_port_and_row() {
    local by
    send_datagrams user "$EDGE4" 3478 3
    tcp_talks user "$EDGE4" 22
    pm flows --proto udp --json >"$LAB/flows" # pings may still go on
    for by in peer prefix port row; do
        pm flows --by "$by" --proto udp --json >"$LAB/sums"
        expect_equal "$(jq -cs '[length, (map(.bytes_in) | add)]' "$LAB/flows")" \
            "$(jq -cs '[(map(.flows) | add), (map(.bytes_in) | add)]' "$LAB/sums")" "all of $by"
        jq -es 'map(.bytes_in + .bytes_out) | . == (sort | reverse)' "$LAB/sums" >/dev/null
    done
    expect_equal '{"peer":"192.0.2.40"}' "$(pm flows --by peer --json | jq -c '{peer}')" peers
    expect_equal '{"prefix":"192.0.2.0/24"}' "$(pm flows --by prefix --json | jq -c '{prefix}')" prefixes
    expect_equal "$(pm flows --row ssh-admins --json | wc -l)" \
        "$(pm flows --by port --port 22 --json | jq 'select(.port == "22" and .transport == "tcp").flows')" "to port 22"
    expect_equal 1 "$(pm flows --by row --sort flows --limit 1 --json | wc -l)" "sums at most"
    pm flows --by port | grep -qE '^3478/udp +[0-9]'
    expect_status 2 pm flows --by peer --sort age
    expect_status 2 pm flows --sort flows
    expect_status 2 pm flows --by host
    pm top --once --interval 1s --by peer >"$LAB/top"
    grep -q '^PEER .*FLOWS$' "$LAB/top"
    grep -q '^192.0.2.40 ' "$LAB/top"
    refused grep -q '^192.0.2.40 ' <(pm top --once --interval 1s --by peer --peer 198.51.100.0/24)
    expect_status 2 pm top --once --peer nobody
}

case_nothing_attached_ends_it() {
    start_top 100 30
    pm detach --all
    wait_for 20 shows "ended 1"
    shows "nothing is attached"
    expect_status 1 pm top --once
    expect_status 0 pm flows
}

lab_make
trap 'mux kill-server 2>/dev/null || true; lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
