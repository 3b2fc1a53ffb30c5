#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is in force stays in force, and it is told, where others remove pins or hide them, while `watch`
# runs and while it does not. What a command detached stays detached.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

start_watch() {
    lab_start edge watch "$PORTMATRIX" watch
    wait_for 10 watch_said "watching:"
}
stop_watch() { # SIGNAL
    local pid
    pid=$(cat "$LAB/run/watch")
    kill "-$1" "$pid"
    wait_for 10 test ! -e "/proc/$pid"
}

# Every case begins with a policy in force and with a `watch` that has looked at it.
begin() {
    ! is_watching || stop_watch TERM
    [ -e "$PORTMATRIX_PIN_DIR/abi" ] || pm restore
    start_watch
    wait_for 10 watch_said "watching: in force on eth0"
}
is_watching() { [ -s "$LAB/run/watch" ] && [ -e "/proc/$(cat "$LAB/run/watch")" ]; }

pins_now() { (cd "$PORTMATRIX_PIN_DIR" && find . -type f | sort); }
has_pins() { [ "$(pins_now)" = "$1" ]; } # LIST

# The attacker sends to a port that the policy closes, all through. None of it may arrive.
begin_attack() {
    : >"$LAB/log/arrived"
    lab_start attacker attack /usr/bin/python3 -c 'import socket, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    out.sendto(b"open\n", ("'"$EDGE4"'", 9999))
    time.sleep(0.0005)'
    attack=$!
    wait_for 5 attack_is_dropped "$(drop_count in no-service)"
}
attack_is_dropped() { [ "$(drop_count in no-service)" -gt $(($1 + 20)) ]; } # BEFORE
end_attack() {
    wait_for 5 attack_is_dropped "$(drop_count in no-service)"
    kill "$attack"
    expect_equal 0 "$(wc -c <"$LAB/log/arrived")" "bytes that passed"
}

# COMMAND...: removes pins while watch runs. All comes back, nothing passes meanwhile, and it is told.
removed_by_others() { # SAID COMMAND...
    local before said=$1
    shift
    begin
    before=$(pins_now)
    begin_attack
    "$@"
    wait_for 10 watch_said "$said"
    wait_for 10 has_pins "$before"
    end_attack
    no_drift
    tcp_talks user "$EDGE4" 22
    pm history --json | tail -n 5 | grep "had been removed by others" >/dev/null
    expect_status 0 pm apply
}
no_drift() { [ "$(drift | sort -u)" = null ]; }

case_pins_removed_while_the_programs_run() {
    removed_by_others "the pins had been removed by others, and are there again" rm -rf "$PORTMATRIX_PIN_DIR"
}

case_some_pins_removed_while_the_programs_run() {
    local pin
    for pin in abi images interfaces control interface-0/ingress interface-0/egress_program interface-0/rows ask_in; do
        [ -e "$PORTMATRIX_PIN_DIR/$pin" ] || continue
        removed_by_others "the pins $pin had been removed by others" rm "$PORTMATRIX_PIN_DIR/$pin"
    done
    removed_by_others "interface-0/ingress_program, interface-0/rows had been removed by others" \
        rm -r "$PORTMATRIX_PIN_DIR/interface-0"
}

case_pins_out_of_sight_under_a_mount() {
    begin
    begin_attack
    mount -t bpf -o mode=700 bpf "$LAB/bpf"
    wait_for 10 watch_said "the pins had been removed by others, and are there again"
    end_attack
    no_drift
    umount "$LAB/bpf"
    no_drift
    expect_status 0 pm apply
    ssh_is_closed
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
lab_start edge arrived socat -u UDP4-RECV:9999 STDOUT
lab_await edge udp 9999
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
