#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The fields that scripts may rely on: names and types of status, flows and explain.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/exporter.sh
. "$here/exporter.sh"

# FILTER: true of the JSON on stdin, one object a line.
holds() { jq -es "$1" >/dev/null || { echo "not so: $1"; return 1; }; }

# What each object must have: field -> the JSON types that it may take.
# An essential has no direction, source or destination.
readonly ROW='{"id":"string","section":"string","role":"string null","protocol":"string null",
  "transport":"array","direction":"string","port":"string null","source_port":"string null",
  "source":"string","destination":"string","packets_in":"number","bytes_in":"number",
  "packets_out":"number","bytes_out":"number","flows":"number","flows_total":"number",
  "owner":"string null","ticket":"string null","expires":"string null","expired":"boolean"}'
readonly ESSENTIAL='{"id":"string","role":"null","protocol":"null","transport":"array null",
  "direction":"null","port":"null","source_port":"null","source":"null","destination":"null",
  "packets_in":"number","bytes_in":"number","packets_out":"number","bytes_out":"number",
  "flows":"number","flows_total":"number"}'
readonly DROP='{"direction":"string","reason":"string","packets":"number","bytes":"number"}'
readonly STATUS='{"interface":"string","policy":"object","mode":"string","drift":"string null",
  "pending_confirm":"object null","ingress":"object null","egress":"object null","rows":"array",
  "drops":"array","would_drop":"array","shadow":"object null","flows":"object"}'
readonly FLOW='{"interface":"string","row":"string","direction":"string","transport":"string",
  "local":"string","local_port":"string null","remote":"string","remote_port":"string null",
  "packets_in":"number","bytes_in":"number","packets_out":"number","bytes_out":"number",
  "state":"string","age_seconds":"number","idle_seconds":"number"}'

# PATH FIELDS: every object at PATH, of every line, has these fields in these types; and there is
# at least one.
expect_fields() {
    jq -es --argjson fields "$2" "
        [.[] | $1] as \$objects
        | (\$objects | length > 0) and (\$objects | all(. as \$object | \$fields | to_entries
          | all(.key as \$key | (\$object | has(\$key)) and
                (.value | split(\" \") | index(\$object[\$key] | type) != null))))" >/dev/null ||
        { echo "fields of $1 differ from: $2"; return 1; }
}

case_status() {
    pm status --json >"$LAB/status"
    expect_equal 1 "$(wc -l <"$LAB/status")" lines
    expect_fields . "$STATUS" <"$LAB/status"
    expect_fields '.policy' \
        '{"name":"string","sha256":"string","matrix_sha256":"string","generation":"number","applied_at":"string"}' \
        <"$LAB/status"
    expect_fields '.ingress' '{"kind":"string","mode":"string"}' <"$LAB/status"
    expect_fields '.egress' '{"kind":"string"}' <"$LAB/status"
    expect_fields '.flows' '{"live":"number","capacity":"number"}' <"$LAB/status"
    expect_fields '.rows[] | select(.section != "essential")' "$ROW" <"$LAB/status"
    expect_fields '.rows[] | select(.section == "essential")' "$ESSENTIAL" <"$LAB/status"
    expect_fields '.drops[]' "$DROP" <"$LAB/status"
}

case_status_values() {
    pm status --json >"$LAB/status"
    holds '.[0].interface == "eth0" and .[0].mode == "enforce" and .[0].drift == null' \
        <"$LAB/status"
    holds '.[0].ingress == {kind: "xdp", mode: "native"}' <"$LAB/status"
    holds '.[0].egress.kind == "tcx" or .[0].egress.kind == "clsact"' <"$LAB/status"
    holds '.[0].policy.sha256 | test("^[0-9a-f]{64}$")' <"$LAB/status"
    holds '.[0].policy.applied_at | fromdateiso8601 > 1700000000' <"$LAB/status" ||
        holds '.[0].policy.applied_at | test("^20[0-9-]+T[0-9:.]+Z$")' <"$LAB/status"
    holds '.[0].flows.capacity == 65536' <"$LAB/status"
    holds '.[0].rows | map(.section) | unique - ["matrix", "failsafe", "essential"] == []' \
        <"$LAB/status"
    holds '.[0].rows[] | select(.id == "av-rtp-tcp-relay-out")
           | .source_port == "50000-59999" and .port == "any" and .transport == ["tcp"]
             and .direction == "out"' <"$LAB/status"
    holds '[.[0].rows[] | select(.section == "essential") | .id] | index("essential-arp") != null' \
        <"$LAB/status"
    holds '[.[0].rows[] | select(.section == "failsafe") | .id] == ["ssh-admins"]' <"$LAB/status"
}

case_flows() {
    stun_talks messenger "$EDGE4"
    tls_talks user "$EDGE6" 443
    pings user "$EDGE4" 1
    pm flows --json >"$LAB/flows"
    expect_fields . "$FLOW" <"$LAB/flows"
    holds "any(.[]; .row == \"av-stun-in\" and .remote == \"$MESSENGER4\" and .local == \"$EDGE4\"
           and .local_port == \"3478\" and .transport == \"udp\" and .direction == \"in\")" <"$LAB/flows"
    holds "any(.[]; .row == \"access-sip-tls-in\" and .remote == \"$USER6\" and .local_port == \"443\")" \
        <"$LAB/flows"
}

# One datum has one form: what the exporter writes of a flow has the types of `flows --json`.
case_flow_records_have_the_fields_of_flows() {
    lab_start edge export "$PORTMATRIX" export --listen 9927 --json-flows "$LAB/flows.json" \
        --active-timeout 1s --interval 1s
    wait_for 20 read_metrics
    wait_for 20 a_stun_flow_is_told
    stop_exporter
    expect_fields . "$FLOW" <"$LAB/flows.json"
    expect_fields . '{"time":"string","event":"string","reason":"string","start":"string","last":"string"}' \
        <"$LAB/flows.json"
    jq -es 'any(.[]; .row == "av-stun-in" and .local_port == "3478")' "$LAB/flows.json" >/dev/null
}

a_stun_flow_is_told() { # one that was there at the first look has nothing new to tell
    stun_talks messenger "$EDGE4"
    grep -F av-stun-in "$LAB/flows.json"
}

case_explain_in_the_kernel() {
    pm explain --json --from "$PARTNER4:40000" --to "$EDGE4:5061" --proto tcp >"$LAB/explain"
    holds '.[0] | .verdict == "pass" and .row == "access-sip-mtls-in" and .reason == null
           and .direction == "in"' <"$LAB/explain"
    pm explain --json --from "[$ATTACKER6]:40000" --to "[$EDGE6]:5061" --proto tcp >"$LAB/explain"
    holds '.[0] | .verdict == "drop" and .row == null and .reason == "no-row"' <"$LAB/explain"
    pm explain --json --from "$ATTACKER4:40000" --to "$EDGE4:23" --proto tcp >"$LAB/explain"
    holds '.[0] | .verdict == "drop" and .reason == "no-service"' <"$LAB/explain"
    pm explain --json --from "$EDGE4:40000" --to "$MESSENGER4:3478" --proto udp >"$LAB/explain"
    holds '.[0] | .verdict == "pass" and .row == "av-stun-out" and .direction == "out"' \
        <"$LAB/explain"
}

case_explain_offline_agrees() {
    local from to proto fields='{verdict, row, reason, direction, transport, why, set, entry, nearest_row, remedy}'
    while read -r from to proto; do
        pm explain --json --from "$from" --to "$to" --proto "$proto" |
            jq -S "$fields" >"$LAB/kernel"
        "$PORTMATRIX" explain --json --policy "$here/edge.yaml" --from "$from" --to "$to" \
            --proto "$proto" | jq -S "$fields" >"$LAB/offline"
        diff "$LAB/kernel" "$LAB/offline"
    done <<QUESTIONS
$PARTNER4:1024 $EDGE4:5061 tcp
$ATTACKER4:1024 $EDGE4:5061 tcp
$USER4:1024 $EDGE4:22 tcp
[$USER6]:1024 [$EDGE6]:443 tcp
$EDGE4:50000 $MESSENGER4:9 tcp
$EDGE4:49999 $MESSENGER4:9 tcp
$USER4 $EDGE4 icmp
[$USER6]:1 [$EDGE6]:3478 udp
$USER4:3478 $EDGE4:40000 udp
$USER4:123 $EDGE4:40000 udp
$USER4:1024 $EDGE4:40000 udp
$EDGE4:68 255.255.255.255:67 udp
[$EDGE6]:546 [ff02::1:2]:547 udp
$EDGE4 224.0.0.22 2
QUESTIONS
}

case_explain_offline_answers_for_each_interface_of_the_address() {
    local explain=(explain --json --from "$USER4:1024" --to "$EDGE4:443" --proto tcp --policy)
    sed 's/^edge:/interfaces: { eth0: [access], eth1: [inner, host], eth2: [access] }\n&\n  inner: [203.0.113.10]/
        s/host: access/host: [203.0.113.138]/' "$here/edge.yaml" >"$LAB/placed.yaml"
    "$PORTMATRIX" "${explain[@]}" "$LAB/placed.yaml" >"$LAB/explain"
    holds 'map([.interface, .verdict]) == [["eth0", "pass"], ["eth1", "drop"], ["eth2", "pass"]]' \
        <"$LAB/explain"
    "$PORTMATRIX" "${explain[@]}" "$LAB/placed.yaml" -i eth1 >"$LAB/explain"
    holds 'map(.interface) == ["eth1"]' <"$LAB/explain"
    expect_status 2 "$PORTMATRIX" "${explain[@]}" "$LAB/placed.yaml" -i eth7
    "$PORTMATRIX" "${explain[@]}" "$here/edge.yaml" -i lan0 >"$LAB/explain"
    holds 'map(.interface) == ["lan0"]' <"$LAB/explain"
}

case_explain_says_what_decided_and_what_to_do() {
    local -a live=(pm explain --json)
    "${live[@]}" --from "$PARTNER4" --to "$EDGE4:5061" --proto tcp >"$LAB/explain"
    holds ".[0] | .set == \"public-im-partners\" and .entry != null and .remedy == null and .transport == \"tcp\"" \
        <"$LAB/explain"
    "${live[@]}" --from "$ATTACKER4" --to "$EDGE4:5061" --proto tcp >"$LAB/explain"
    holds '.[0] | .nearest_row == "access-sip-mtls-in" and (.remedy | contains("to permit it, add"))' <"$LAB/explain"
    # Roles for addresses, and each protocol that the port leaves.
    "${live[@]}" --from "$PARTNER6" --to access:5061 >"$LAB/explain"
    holds 'map([.transport, .verdict]) == [["tcp", "pass"], ["udp", "drop"]]' <"$LAB/explain"
    "${live[@]}" --from "$USER4" --to access >"$LAB/explain"
    holds 'map(.transport) == ["icmp"]' <"$LAB/explain"
    expect_status 2 pm explain --from "$USER4" --to acces:5061
    expect_output "'acces' is no address and no role of the policy"
}

case_explain_asks_for_the_source_port_that_decides() {
    expect_status 2 pm explain --from "$EDGE4" --to "$MESSENGER4:443" --proto tcp
}

case_status_for_people() {
    expect_status 0 pm status --all
    local word
    for word in contoso-edge access-sip-mtls-in av-rtp-tcp-relay-out ssh-admins enforce eth0; do
        expect_output "$word"
    done
    refused grep -q $'\e' <<<"$OUTPUT"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_services
pm apply -i eth0 "$here/edge.yaml" >/dev/null 2>&1
# Makes some drops, so that there is something to list.
refused tcp_talks attacker "$EDGE4" 23
run_cases "$@"
