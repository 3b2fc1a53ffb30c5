#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# diff says before an apply what a policy would change and what it would do to live flows, and exactly
# that happens.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

has_flow() { # PEER
    pm flows --peer "$1" | grep -F "$1" >/dev/null
}

case_nothing_in_force_is_nothing_to_compare() {
    expect_status 1 pm diff "$here/edge.yaml"
    expect_output "no policy is in force"
}

case_the_same_policy_has_no_difference() {
    pm apply -i eth0 "$here/edge.yaml"
    expect_status 0 pm diff "$here/edge.yaml"
    expect_equal "" "$OUTPUT" output
}

case_rows_sets_and_settings() {
    edited_policy other 's/contoso-edge/other/; s/, "2001:db8:20::\/48"/, 198.51.101.0\/24/; s/^expect:/remove: [ping-in]\nfragments: drop\nexpect:/' >/dev/null
    cat >>"$LAB/other.yaml" <<'END'
matrix:
  - { id: web-in, transport: tcp, source: any, destination: access, port: 80 }
  - { id: access-sip-tls-in, transport: tcp, source: clients, destination: access, port: [443, 8443] }
END
    expect_status 5 pm diff "$LAB/other.yaml"
    expect_output "- row ping-in: matrix icmp, icmpv6 pingers -> host"
    expect_output "+ row web-in: matrix tcp any -> access port 80"
    expect_output "port 443"
    expect_output "port 443,8443"
    expect_output "~ set public-im-partners: without 2001:db8:20::/48 -> with 198.51.101.0/24"
    expect_output "~ setting policy: contoso-edge -> other"
    expect_output "~ setting fragments: track -> drop"
    expect_status 5 pm diff "$LAB/other.yaml" --json
    expect_equal added "$(jq -r 'select(.name == "web-in") | .change' <<<"$OUTPUT")" change
}

case_live_flows_that_would_be_cut_are_those_that_are() {
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-user" socat - "TCP:$EDGE4:22"; }
    # shellcheck disable=SC2153 # set by coproc
    local out=${TALK[0]} in=${TALK[1]} process=$TALK_PID line
    echo before >&"$in"
    read -r -t 3 line <&"$out"
    edited_policy cut 's/admins: .*/admins: [192.0.2.99]/' >/dev/null
    expect_status 5 pm diff "$LAB/cut.yaml"
    expect_output "1 live flow would be cut:"
    expect_output "$EDGE4:22 (ssh-admins): no-row"
    expect_status 5 pm diff "$LAB/cut.yaml" --json
    expect_equal '"cut" "no-row" "ssh-admins"' \
        "$(jq -r 'select(.kind == "flow") | "\(.change|tojson) \(.reason|tojson) \(.row|tojson)"' <<<"$OUTPUT")" flow
    expect_status 0 pm apply "$LAB/cut.yaml" --force
    echo after >&"$in"
    refused read -r -t 1 line <&"$out"
    expect_status 0 pm apply "$here/edge.yaml"
    read -r -t 5 line <&"$out"

    # If another row permits the flow too, only the row that counts it changes.
    edited_policy credit 's/^expect:/failsafe:\n  - { id: all-of-it, transport: tcp, source: admins, destination: access, port: 22 }\nexpect:/' >/dev/null
    expect_status 5 pm diff "$LAB/credit.yaml"
    expect_output "1 live flow would be counted on another row:"
    expect_output "ssh-admins -> all-of-it"
    kill "$process"
    wait "$process" || true
}

# A flow stays in the table as it was until its next packet. diff has to say what that packet will meet.
case_what_is_in_force_already_is_no_change() {
    lab_start attacker idle socat -u "TCP:$EDGE4:443" -
    wait_for 20 has_flow "$ATTACKER4"
    edited_policy closed 's/^expect:/remove: [access-sip-tls-in]\nexpect:/' >/dev/null
    edited_policy renamed 's/^expect:/remove: [access-sip-tls-in]\nmatrix:\n  - { id: tls, transport: tcp, source: clients, destination: access, port: 443 }\nexpect:/' >/dev/null
    expect_status 5 pm diff "$LAB/closed.yaml"
    expect_output "$EDGE4:443 (access-sip-tls-in): no-service"
    expect_status 0 pm apply "$LAB/closed.yaml"
    expect_status 0 pm diff "$LAB/closed.yaml"
    expect_equal "" "$OUTPUT" output

    expect_status 0 pm apply "$LAB/renamed.yaml"
    expect_status 0 pm diff "$LAB/renamed.yaml"
    expect_equal "" "$OUTPUT" output
    expect_status 5 pm diff "$LAB/closed.yaml"
    expect_output "$EDGE4:443 (tls): no-service"

    expect_status 0 pm ban "$ATTACKER4"
    expect_status 0 pm diff "$LAB/renamed.yaml"
    expect_equal "" "$OUTPUT" output
    expect_status 0 pm unban "$ATTACKER4"
    expect_status 5 pm diff "$here/edge.yaml"
    expect_output "tls -> access-sip-tls-in"
    expect_status 0 pm apply "$here/edge.yaml"
}

# diff compares with what the programs use, not with what the set file says now.
case_a_set_file_that_changed() {
    pm detach --all
    echo "192.0.2.66" >"$LAB/fraud.txt"
    edited_policy set 's/^peers:/&\n  fraud: { file: fraud.txt }/; s/^expect:/block: [fraud]\nexpect:/' >/dev/null
    expect_status 0 pm apply -i eth0 "$LAB/set.yaml"
    expect_status 0 pm diff "$LAB/set.yaml"
    echo "198.51.100.128/25" >"$LAB/fraud.txt"
    expect_status 5 pm diff "$LAB/set.yaml"
    expect_output "~ set fraud: without 192.0.2.66 -> with 198.51.100.128/25"

    # While it waits to be confirmed, and once it was rolled back.
    expect_status 0 pm apply "$LAB/set.yaml" --confirm-within 5m
    expect_status 0 pm diff "$LAB/set.yaml"
    rm "$LAB/fraud.txt"
    expect_status 5 pm diff "$here/edge.yaml"
    expect_output "- set fraud: 198.51.100.128/25"
    expect_status 0 pm rollback
    expect_status 5 pm diff "$here/edge.yaml"
    expect_output "- set fraud: 192.0.2.66"
}

case_what_is_not_stored_is_not_guessed() {
    echo "192.0.2.66" >"$LAB/fraud.txt"
    expect_status 0 pm apply "$LAB/set.yaml"
    mv "$LAB/state/generations" "$LAB/state/away"
    expect_status 0 pm diff "$LAB/set.yaml"
    echo "192.0.2.67" >"$LAB/fraud.txt"
    expect_status 1 pm diff "$LAB/set.yaml"
    expect_output "its set files are others now"
    mv "$LAB/state/away" "$LAB/state/generations"
    expect_status 5 pm diff "$LAB/set.yaml"
}

case_an_expectation_is_a_setting() {
    pm apply "$here/edge.yaml"
    expect_status 5 pm diff "$(edited_policy expects 's/^expect:/&\n  - { from: 192.0.2.99, to: access, transport: tcp, port: 81, verdict: drop }/')"
    expect_output "~ setting expect: with { from: 192.0.2.99, to: access, transport: tcp, port: 81, verdict: drop }"
    expect_status 0 pm apply "$LAB/expects.yaml"
    expect_status 0 pm diff "$LAB/expects.yaml"
}

case_a_broken_policy_is_reported_like_by_check() {
    expect_status 3 pm diff "$(edited_policy broken 's/verdict: pass/verdict: drop/')"
    expect_output "broken.yaml"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22 443
lab_await edge tcp 22 443
run_cases "$@"
