# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced after lab.sh and cases.sh.

# A connection that stays open during a case; each line on it must come back.
open_line() {
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-user" socat - "TCP:$EDGE4:22"; }
    talk=$TALK_PID
    exec 7<&"${TALK[0]}" 8>&"${TALK[1]}"
    line_echoes before
}
line_echoes() { # WORD
    local line
    echo "$1" >&8
    read -r -t $((3 * SLOW)) line <&7
    expect_equal "$1" "$line" echo
}
close_line() {
    line_echoes after
    kill "$talk"
    wait "$talk" || true
}
