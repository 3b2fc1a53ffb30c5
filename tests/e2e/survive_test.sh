#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 1,000 TCP connections and 1,000 UDP flows, opened from both sides, live through a first attach,
# 100 switches, a takeover by another build, a policy that outgrows its memory, and a detach and
# attach. As long as a policy permits them, no TCP connection breaks, and no line is lost at a switch or
# a takeover. At an attach a UDP flow loses only what comes before its opener's next packet, and these
# packets are counted.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/talks.sh
. "$here/talks.sh"

COUNT=${PM_TALKS:-500} # of each kind
KINDS="tcp-in tcp-out udp-in udp-out"

begin_talks() {
    begin_talk tcp-in user "$EDGE4" "$COUNT" tcp:443 "$USER4"
    begin_talk tcp-out edge "$MESSENGER4" "$COUNT" tcp:50000 "$EDGE4"
    begin_talk udp-in user "$EDGE4" "$COUNT" udp:3478 "$USER4"
    begin_talk udp-out edge "$MESSENGER4" "$COUNT" udp:3478 "$EDGE4"
    await_talks
}

# Each opener has sent something since the attach.
# shellcheck disable=SC2317 # called by wait_for
all_have_spoken() { [ "$(pm status --json | jq .flows.live)" -ge $((COUNT * 4)) ]; }

no_connection_broke() {
    local kind
    for kind in $KINDS; do
        expect_equal "$COUNT" "$(talk_result "$kind" talks)" "$kind"
        expect_equal 0 "$(talk_result "$kind" broken)" "broken $kind"
    done
}
nothing_was_lost() { # KIND...
    local kind
    for kind in "$@"; do
        expect_equal "$(talk_result "$kind" sent)" "$(talk_result "$kind" heard)" "lines of $kind that came back"
    done
}

case_first_attach_detach_and_attach() {
    local lost=0 dropped kind
    begin_talks
    pm apply -i eth0 "$(variant one)"
    wait_for 60 all_have_spoken
    dropped=$(drop_count any any)
    pm detach --all
    pm apply -i eth0 "$(variant two)"
    wait_for 60 all_have_spoken
    end_talks
    dropped=$((dropped + $(drop_count any any)))
    no_connection_broke
    for kind in udp-in udp-out; do
        lost=$((lost + $(talk_result $kind sent) - $(talk_result $kind heard)))
    done
    echo "# $lost datagrams lost, $dropped packets dropped and counted"
    [ "$lost" -le "$dropped" ]
}

case_switches_and_takeovers() {
    local round before
    begin_talks
    before=$(drop_count any any)
    for round in $(seq 1 100); do
        pm apply "$(variant "switch-$((round % 3))")" 2>"$LAB/log/apply"
    done
    set_build "$(abi)" 0
    pm apply 2>&1 | grep "replaced by those of this build"
    /usr/bin/python3 -c 'for i in range(200000): print(f"12.{i >> 16}.{i >> 8 & 255}.{i & 255}")' \
        >"$LAB/peers.txt"
    sed -i "s/public-im-partners: \[/&{ file: peers.txt }, /" "$(variant large)"
    pm apply "$LAB/large.yaml"
    expect_equal large "$(policy_in_force)" "in force"
    end_talks
    expect_equal "$before" "$(drop_count any any)" "packets dropped"
    no_connection_broke
    nothing_was_lost tcp-in tcp-out udp-in udp-out
}

lab_make
trap 'lab_remove "$LAB"' EXIT
for name in edge messenger; do
    port=443
    [ "$name" = edge ] || port=50000
    lab_start "$name" "$name-echo" /usr/bin/python3 "$here/talkers.py" serve "tcp:$port" udp:3478
    lab_await "$name" tcp "$port"
    lab_await "$name" udp 3478
done
run_cases "$@"
