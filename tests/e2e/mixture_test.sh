#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two policies are switched as fast as possible, under traffic on both hooks. A mixture (the rows of one with
# the sets of the other) would let through what both drop, and would drop what both permit. No such
# packet passes, none is lost, and afterwards there are no more maps, programs or pins than before.
#
# PM_SWITCHES=N sets how many switches there are (default 100).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

SWITCHES=${PM_SWITCHES:-100}

# NAME PEER-ONE PEER-TWO SERVER-ONE SERVER-TWO PORT OUT-PORT: the user and the attacker in either order, and
# the servers that the Edge asks. Set `one` has the first of each, set `two` the second. The rows both-*
# name whichever set has the user and the messenger.
mix_policy() {
    local users='one' others='two'
    [ "$1" = mix-a ] || { users=two others=one; }
    cat >"$LAB/$1.yaml" <<END
policy: $1
edge: { access: [$EDGE4] }
flow-capacity: 262144 # for all ports of all sources: no flow makes room for another
peers:
  one: [$2, $4]
  two: [$3, $5]
matrix:
  - { id: both-in, transport: udp, source: $users, destination: access, port: 3000 }
  - { id: some-in, transport: udp, source: one, destination: access, port: $6 }
  - { id: none-in, transport: udp, source: $others, destination: access, port: 2999 }
  - { id: both-out, transport: udp, source: access, destination: $users, port: 4000 }
  - { id: some-out, transport: udp, source: access, destination: one, port: $7 }
END
}

begin_sprayer() { # NAME LABEL SPRAYER-ARGUMENT...
    local name=$1 label=$2
    shift 2
    mkfifo "$LAB/$label.end"
    in_ns "$name" nice -n 10 /usr/bin/python3 "$here/sprayer.py" "$@" \
        <"$LAB/$label.end" >"$LAB/log/$label" 2>&1 &
    processes+=($!)
    eval "exec {end}>'$LAB/$label.end'"
    # shellcheck disable=SC2154 # set by exec
    ends+=("$end")
    wait_for 20 grep -q ready "$LAB/log/$label" || { cat "$LAB/log/$label"; return 1; }
}

end_sprayers() { # COUNT: the last so many that began
    local end
    for end in "${ends[@]: -$1}"; do eval "exec $end>&-"; done
    wait "${processes[@]: -$1}"
    ends=("${ends[@]:0:${#ends[@]}-$1}")
    processes=("${processes[@]:0:${#processes[@]}-$1}")
}

sprayer_said() { tail -n 1 "$LAB/log/$1" | jq "$2"; }

# The pins, which keep programs and maps in the kernel, and the bytes of these maps and programs. What others
# hold in this kernel is not counted.
held_in_kernel() {
    local pin
    find "$LAB/bpf" -type f | sort
    find "$LAB/bpf" -type f | while read -r pin; do
        bpftool -j map show pinned "$pin" 2>/dev/null || true
    done | jq -s 'map(.bytes_memlock // 0) | add'
}

# Where a lost packet may have gone: reasons, rows, evictions, and drops by the drivers.
what_became_of_packets() {
    pm status --json | jq -c '.drops[] | select(.packets > 0)'
    pm status --json | jq -c '.flows, (.rows[] | select(.id | test("-(in|out)$")) |
        {id, packets_in, packets_out, flows_total})'
    cat "$LAB"/log/ask-in "$LAB"/log/ask-out "$LAB"/log/echo-edge "$LAB"/log/echo-messenger
    in_ns net ip -s link
    in_ns edge ip -s link show dev eth0
    in_ns edge nstat -az UdpRcvbufErrors UdpSndbufErrors UdpInErrors
    cat /proc/net/softnet_stat
}

case_no_packet_sees_a_mixture() {
    local ends=() processes=() before round
    mix_policy mix-a "$USER4" "$ATTACKER4" "$MESSENGER4" "$PARTNER4" 3001 4001
    mix_policy mix-b "$ATTACKER4" "$USER4" "$PARTNER4" "$MESSENGER4" 3002 4002
    pm apply -i eth0 "$LAB/mix-a.yaml"
    pm apply "$LAB/mix-b.yaml"
    before=$(held_in_kernel)

    begin_sprayer edge heard-edge count "$EDGE4" 3001 3002
    begin_sprayer edge echo-edge echo "$EDGE4" 3000
    for name in messenger partner; do
        address=${name^^}4
        begin_sprayer "$name" "heard-$name" count "${!address}" 4001 4002
    done
    begin_sprayer messenger echo-messenger echo "$MESSENGER4" 4000

    begin_sprayer user ask-in ask "$USER4" "$EDGE4" 3000
    begin_sprayer edge ask-out ask "$EDGE4" "$MESSENGER4" 4000
    begin_sprayer user blast-1 blast "$USER4" "$EDGE4" 3001
    begin_sprayer user blast-2 blast "$USER4" "$EDGE4" 3002
    begin_sprayer attacker blast-3 blast "$ATTACKER4" "$EDGE4" 3001
    begin_sprayer attacker blast-4 blast "$ATTACKER4" "$EDGE4" 3002
    begin_sprayer edge blast-5 blast "$EDGE4" "$MESSENGER4" 4001
    begin_sprayer edge blast-6 blast "$EDGE4" "$MESSENGER4" 4002
    begin_sprayer edge blast-7 blast "$EDGE4" "$PARTNER4" 4001
    begin_sprayer edge blast-8 blast "$EDGE4" "$PARTNER4" 4002

    for ((round = 1; round <= SWITCHES / 2; round++)); do
        pm apply "$LAB/mix-a.yaml" 2>"$LAB/log/apply"
        pm apply "$LAB/mix-b.yaml" 2>"$LAB/log/apply"
    done
    end_sprayers 10
    end_sprayers 5

    # What both policies drop never came through: a mixture would have let it pass.
    expect_equal null "$(sprayer_said heard-edge ".\"$ATTACKER4>3001\"")" "attacker to 3001"
    expect_equal null "$(sprayer_said heard-edge ".\"$USER4>3002\"")" "user to 3002"
    expect_equal null "$(sprayer_said heard-partner ".\"$EDGE4>4001\"")" "Edge to partner 4001"
    expect_equal null "$(sprayer_said heard-messenger ".\"$EDGE4>4002\"")" "Edge to messenger 4002"
    # What one of them permits came through, but not all of it.
    [ "$(sprayer_said heard-edge ".\"$USER4>3001\"")" -gt 0 ]
    [ "$(sprayer_said heard-edge ".\"$USER4>3001\"")" -lt "$(sprayer_said blast-1 .sent)" ]
    [ "$(sprayer_said heard-edge ".\"$ATTACKER4>3002\"")" -gt 0 ]
    [ "$(sprayer_said heard-messenger ".\"$EDGE4>4001\"")" -gt 0 ]
    [ "$(sprayer_said heard-partner ".\"$EDGE4>4002\"")" -gt 0 ]
    # What both permit was never lost: a mixture would have dropped it.
    for way in in out; do
        expect_equal 0 "$(sprayer_said ask-$way .lost)" "lost questions, $way" || { what_became_of_packets; return 1; }
        expect_equal "$(sprayer_said ask-$way .asked)" "$(sprayer_said ask-$way .answered)" "answers, $way"
        [ "$(sprayer_said ask-$way .asked)" -gt "$SWITCHES" ]
    done
    expect_equal "$before" "$(held_in_kernel)" "left in the kernel"
    echo "# $((round * 2 - 2)) switches; $(sprayer_said ask-in .asked) and $(sprayer_said ask-out .asked) questions, none lost;" \
        "$(($(sprayer_said blast-2 .sent) + $(sprayer_said blast-3 .sent))) and $(($(sprayer_said blast-6 .sent) + $(sprayer_said blast-6 .refused) +
            $(sprayer_said blast-7 .sent) + $(sprayer_said blast-7 .refused))) datagrams that only a mixture permits, none passed"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
run_cases "$@"
