# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A `watch` for each case, and an attack that lasts. Sourced after lab.sh and cases.sh.

# Every case begins with a policy in force and with a `watch` that has looked at it.
begin() {
    ! is_watching || stop_watch TERM
    [ -e "$PORTMATRIX_PIN_DIR/abi" ] || pm restore
    start_watch
    wait_for 20 watch_said "watching: in force on eth0"
}
is_watching() { [ -s "$LAB/run/watch" ] && [ -e "/proc/$(cat "$LAB/run/watch")" ]; }

# The attacker sends to a port that the policy closes, all through. None of it may arrive.
begin_attack() {
    : >"$LAB/log/arrived"
    start_attack
    wait_for 20 attack_is_dropped "$(closed_count)"
}
start_attack() {
    lab_start attacker attack /usr/bin/python3 -c 'import socket, time
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    out.sendto(b"open\n", ("'"$EDGE4"'", 9999))
    time.sleep(0.0005)'
    attack=$!
}
attack_is_dropped() { [ "$(closed_count)" -gt $(($1 + 20)) ]; } # BEFORE
closed_count() { pm status -i eth0 --json | jq '[.drops[] | select(.reason == "no-service") | .packets] | add // 0'; }
end_attack() {
    wait_for 20 attack_is_dropped "$(closed_count)"
    kill "$attack"
    expect_equal 0 "$(wc -c <"$LAB/log/arrived")" "bytes that passed"
}

pins_now() { (cd "$PORTMATRIX_PIN_DIR" && find . -type f | sort); }
has_pins() { [ "$(pins_now)" = "$1" ]; } # LIST
