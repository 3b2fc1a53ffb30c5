# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A `watch` for each case. Sourced after lab.sh and cases.sh.

# Every case begins with a policy in force and with a `watch` that has looked at it.
begin() {
    ! is_watching || stop_watch TERM
    [ -e "$PORTMATRIX_PIN_DIR/abi" ] || pm restore
    start_watch
    wait_for 10 watch_said "watching: in force on eth0"
}
is_watching() { [ -s "$LAB/run/watch" ] && [ -e "/proc/$(cat "$LAB/run/watch")" ]; }
