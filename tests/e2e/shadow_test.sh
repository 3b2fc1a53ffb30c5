#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A shadow policy is judged beside the one in force. It changes nothing for any packet, and says exactly what
# it would change.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

shadow() { pm status --json | jq -c ".shadow$1"; }

case_a_shadow_needs_something_to_stand_beside() {
    expect_status 2 pm apply --mode shadow "$here/edge.yaml"
    expect_output "apply one first"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    expect_equal null "$(shadow "")" shadow
}

case_what_passes_and_would_be_dropped_is_counted_by_row_and_reason() {
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-user" socat - "TCP:$EDGE4:22"; }
    # shellcheck disable=SC2153 # set by coproc
    local out=${TALK[0]} in=${TALK[1]} process=$TALK_PID line
    echo before >&"$in"
    read -r -t 3 line <&"$out"
    expect_status 0 pm apply --mode shadow "$(variant strict 's/admins: .*/admins: [192.0.2.99]/')"
    expect_equal 1 "$(generation_in_force)" generation
    expect_equal '"strict"' "$(shadow .policy.name)" name
    # A live flow and new ones all pass as before.
    echo during >&"$in"
    read -r -t 3 line <&"$out"
    kill "$process"
    wait "$process" || true
    tcp_talks user "$EDGE4" 22
    [ "$(shadow '.would_drop | map(select(.row == "ssh-admins" and .reason == "no-row" and .direction == "in").packets) | add')" -ge 6 ]
    expect_equal '[]' "$(shadow .would_pass)" "would pass"
    expect_equal '["ssh-admins"]' "$(shadow '.would_drop | map(.row) | unique')" rows
    grep -q 'drop (no-row)' <<<"$(pm status)"
}

case_packets_are_counted_exactly() {
    expect_status 0 pm apply --mode shadow "$(variant noping 's/^expect:/remove: [ping-in]\nexpect:/')"
    pings user "$EDGE4" 7
    expect_equal 7 "$(shadow '.would_drop[] | select(.row == "ping-in" and .direction == "in").packets')" in
    expect_equal 7 "$(shadow '.would_drop[] | select(.row == "ping-in" and .direction == "out").packets')" out
    expect_equal 588 "$(shadow '.would_drop[] | select(.row == "ping-in" and .direction == "in").bytes')" bytes
}

case_what_is_dropped_and_would_pass_is_counted_by_the_shadows_row() {
    variant open 's/^expect:/matrix:\n  - { id: web-in, transport: tcp, source: any, destination: access, port: 8080 }\nexpect:/' >/dev/null
    expect_status 0 pm apply --mode shadow "$LAB/open.yaml"
    refused tcp_talks attacker "$EDGE4" 8080
    [ "$(shadow '.would_pass[] | select(.row == "web-in" and .direction == "in").packets')" -ge 1 ]
    refused tcp_talks attacker "$EDGE4" 8081
    expect_equal '["web-in"]' "$(shadow '.would_pass | map(.row) | unique')" rows
}

case_bans_and_restarts_leave_it() {
    expect_status 0 pm ban 198.51.100.99
    expect_equal '"open"' "$(shadow .policy.name)" name
    expect_status 0 pm unban 198.51.100.99
}

# For whatever reason the policy in force drops them.
case_so_are_protocols_and_what_looks_like_an_answer() {
    variant wider 's/^expect:/matrix:\n  - { id: media-in, transport: udp, source: any, destination: access, port: 40000 }\n  - { id: gre-in, transport: 47, source: any, destination: access }\nexpect:/' >/dev/null
    expect_status 0 pm apply --mode shadow "$LAB/wider.yaml"
    in_ns attacker /usr/bin/python3 - "$EDGE4" <<'PYTHON'
import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("", 53)) # whom this host may ask
udp.sendto(b"matrix", (sys.argv[1], 40000))
gre = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
gre.sendto(bytes(8), (sys.argv[1], 0))
PYTHON
    wait_for 20 both_would_pass
    [ "$(pm status --json | jq '[.drops[] | select(.reason == "not-first-packet" or .reason == "unsupported-protocol")] | length')" -ge 2 ]
}
both_would_pass() { [ "$(shadow '.would_pass | map(select(.packets == 1).row) | sort | join(" ")')" = '"gre-in media-in"' ]; }

case_it_ends_with_the_next_apply() {
    expect_status 0 pm apply "$here/edge.yaml"
    expect_equal null "$(shadow "")" shadow
    refused tcp_talks attacker "$EDGE4" 8080
}

case_a_shadow_attaches_nothing() {
    in_ns edge ip link add other0 type veth peer name other1
    expect_status 2 pm apply --mode shadow -i other0 "$here/edge.yaml"
    expect_output "a shadow attaches nothing"
}

case_what_a_shadow_has_no_use_for_is_refused() {
    expect_status 2 pm apply --mode shadow --confirm-within 60s "$here/edge.yaml"
    expect_output "--confirm-within does not go with --mode shadow"
    expect_output "generation 2 stays in force"
    expect_status 2 pm apply --mode shadow --xdp auto "$here/edge.yaml"
    expect_output "--xdp does not go with --mode shadow"
    expect_equal null "$(shadow "")" shadow
}

case_the_history_says_which_policy_it_was() {
    expect_status 0 pm apply --mode shadow "$LAB/open.yaml"
    pm history --json --limit 1 | jq -e '.generation == null and (.sha256 | test("^[0-9a-f]{64}$"))' >/dev/null
    expect_equal "$(pm history --json --limit 1 | jq .sha256)" "$(shadow .policy.sha256)" sha256
}

case_a_closed_stderr_leaves_a_record() {
    # shellcheck disable=SC2216 # nobody reads
    { pm apply --mode shadow "$LAB/strict.yaml" 2>&1 >/dev/null || true; } | true
    wait_for 20 recorded "strict is judged beside the policy in force"
    { pm apply "$(variant closed)" 2>&1 >/dev/null || true; } | true
    wait_for 20 recorded "(closed) is in force"
    { pm apply "$LAB/none.yaml" 2>&1 >/dev/null || true; } | true
    wait_for 20 recorded "cannot read policy"
    { pm apply "$(variant wrong 's/verdict: pass/verdict: drop/')" 2>&1 >/dev/null || true; } | true
    wait_for 20 recorded "wrong.yaml has"
}
recorded() { pm history --json --limit 1 | jq -r .message | grep -F -- "$1"; }

case_a_broken_set_file_is_of_the_policy_in_force() {
    echo 198.51.100.66 >"$LAB/fraud.txt"
    expect_status 0 pm apply "$(variant sets 's/^peers:/&\n  fraud: { file: fraud.txt }/; s/^expect:/block: [fraud]\n&/')"
    echo nonsense >"$LAB/fraud.txt"
    expect_status 3 pm apply
    recorded "the policy in force has 1 error"
}

# A generation that nobody confirmed is removed once that was reported. Its number is not given again.
case_no_number_is_given_twice() {
    local number
    expect_status 0 pm apply "$(variant expiring)" --confirm-within 1s
    number=$(generation_in_force)
    wait_for 20 refused generation_is "$number"
    expect_status 0 pm apply --mode shadow "$(variant strict)"
    expect_status 0 pm apply "$here/edge.yaml"
    expect_equal $((number + 1)) "$(generation_in_force)" generation
    pm history --json | jq -es '[.[] | select(.generation)] | group_by(.generation) |
        all(.[]; (map(.sha256) | unique | length) == 1)' >/dev/null
}

# The one before is the oldest of more generations than are kept for their age alone.
case_a_shadow_leaves_the_generation_before_to_a_rollback() {
    local oldest count
    expect_status 0 pm rollback
    oldest=$(generation_in_force)
    for count in {1..11}; do
        expect_status 0 pm apply "$(variant "turn$count")"
        expect_status 0 pm rollback
        expect_equal "$oldest" "$(generation_in_force)" generation
    done
    expect_status 0 pm apply "$(variant last)"
    expect_status 0 pm apply --mode shadow "$(variant strict)"
    expect_status 0 pm rollback
    expect_equal "$oldest" "$(generation_in_force)" generation
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22 8080 8081
lab_await edge tcp 22 8080 8081
run_cases "$@"
