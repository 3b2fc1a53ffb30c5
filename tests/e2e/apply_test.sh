#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What an apply says: the warnings that check has, what changes, what is in force; and that what is in
# force already is not put in force again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

generation() { pm status --json | jq -r .policy.generation; }
entries() { pm history --json | wc -l; }
# What the file says is in force, and nothing is to be done.
stays() { # POLICY [OPTION...]
    local before told
    before=$(generation)
    told=$(entries)
    expect_status 0 pm apply "$@"
    expect_output "nothing changed: generation $before ("
    expect_equal "$before" "$(generation)" generation
    expect_equal "$told" "$(entries)" "entries of the history"
}
# It is put in force anew.
is_made() { # POLICY [OPTION...]
    local before
    before=$(generation)
    expect_status 0 pm apply "$@"
    refused expect_output "nothing changed" >/dev/null
    [ "$(generation)" -gt "$before" ]
}

put() { expect_status 0 pm apply "$@"; }

case_the_first_policy_changes_nothing_that_was() {
    put -i eth0 "$here/edge.yaml"
    refused expect_output "changes:" >/dev/null
    expect_output "generation 1 (contoso-edge) is in force on eth0"
}

case_one_line_says_what_changes() {
    put -i eth0 "$here/edge.yaml"
    edited_policy other 's/, "2001:db8:20::\/48"/, 198.51.101.0\/24, 198.51.103.0\/24/; s/^expect:/remove: [ping-in]\nfragments: drop\nexpect:/' >/dev/null
    cat >>"$LAB/other.yaml" <<'END'
matrix:
  - { id: web-in, transport: tcp, source: any, destination: access, port: 80 }
  - { id: access-sip-tls-in, transport: tcp, source: clients, destination: access, port: [443, 8443] }
END
    put "$LAB/other.yaml"
    expect_output "changes: 1 row added (web-in), 1 row removed (ping-in), 1 row changed (access-sip-tls-in), set 'public-im-partners': 2 more, 1 fewer, setting 'fragments' changed"
    put "$here/edge.yaml"
}

case_live_flows_that_end_are_counted() {
    put -i eth0 "$here/edge.yaml"
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-user" socat - "TCP:$EDGE4:22"; }
    # shellcheck disable=SC2153 # set by coproc
    local out=${TALK[0]} in=${TALK[1]} process=$TALK_PID line
    echo before >&"$in"
    read -r -t 10 line <&"$out"
    edited_policy cut 's/admins: .*/admins: [192.0.2.99]/' >/dev/null
    put "$LAB/cut.yaml" --force
    expect_output "changes: set 'admins': 1 more, 2 fewer; 1 live flow is cut"
    kill "$process"
    put "$here/edge.yaml"
    refused expect_output "cut" >/dev/null
}

# A flow whose next packet comes at once is cut before anybody could count it afterwards.
case_busy_flows_that_end_are_counted() {
    put -i eth0 "$here/edge.yaml"
    nsenter --net="/run/netns/$LAB_NET-user" ping -q -i 0.002 -w 60 "$EDGE4" >/dev/null &
    local load=$!
    wait_for 10 pings_live
    edited_policy deaf 's/^expect:/remove: [ping-in]\nexpect:/' >/dev/null
    put "$LAB/deaf.yaml"
    expect_output "1 row removed (ping-in); 1 live flow is cut"
    kill "$load"
    put "$here/edge.yaml"
}
pings_live() { pm flows --json | jq -es 'any(.row == "ping-in" and .packets_in > 5)' >/dev/null; }

case_what_is_in_force_is_not_put_in_force_again() {
    put -i eth0 "$here/edge.yaml"
    variant second >/dev/null
    put "$LAB/second.yaml"
    stays "$LAB/second.yaml"
    stays "$LAB/second.yaml" -i eth0 --mode enforce --force
    stays # read anew
    sed 's/^policy/# as it was\npolicy/' "$LAB/second.yaml" >"$LAB/again.yaml"
    stays "$LAB/again.yaml"
    expect_status 0 pm rollback
    expect_output "(contoso-edge) is in force on eth0"
}

case_a_trial_begins_in_any_case() {
    put -i eth0 "$here/edge.yaml"
    is_made "$here/edge.yaml" --confirm-within 100s
    expect_status 0 pm confirm
    stays "$here/edge.yaml"
}

case_what_differs_is_put_in_force() {
    put -i eth0 "$here/edge.yaml"
    is_made "$here/edge.yaml" --mode audit
    stays "$here/edge.yaml"
    is_made "$here/edge.yaml" --mode enforce
    variant second >/dev/null
    put "$LAB/second.yaml" --mode shadow
    is_made "$here/edge.yaml" # it ends the shadow
    stays "$here/edge.yaml"
    echo 192.0.2.77 >"$LAB/list.txt"
    edited_policy listed "s|admins: .*|admins: { file: $LAB/list.txt }|" >/dev/null
    put "$LAB/listed.yaml" --force
    stays "$LAB/listed.yaml"
    echo 192.0.2.78 >>"$LAB/list.txt"
    is_made "$LAB/listed.yaml"
    expect_output "changes: set 'admins': 1 more"
    cp "$LAB/list.txt" "$LAB/moved.txt"
    sed -i "s/list.txt/moved.txt/" "$LAB/listed.yaml"
    is_made "$LAB/listed.yaml" # an apply without a policy is to read the other file
    put "$here/edge.yaml"
}

case_what_is_not_whole_is_mended() {
    put -i eth0 "$here/edge.yaml"
    rm "$PORTMATRIX_PIN_DIR"/interface-*/ingress
    refused xdp_is_on eth0
    is_made "$here/edge.yaml"
    xdp_is_on eth0
    stays "$here/edge.yaml"
    rm -r "$LAB/state/generations"
    expect_status 0 pm apply "$here/edge.yaml"
    refused expect_output "nothing changed" >/dev/null
    stays "$here/edge.yaml"
    truncate -s -1 "$LAB"/state/generations/*/image
    is_made "$here/edge.yaml"
    in_ns edge nft add table inet portmatrix-closed # what a device may be closed by until an apply
    is_made "$here/edge.yaml"
    refused in_ns edge nft list table inet portmatrix-closed
    set_build "$(abi)" 0
    is_made "$here/edge.yaml"
    expect_output "replaced by those of this build"
    stays "$here/edge.yaml"
}

case_a_lost_set_file_is_kept_again() {
    echo 192.0.2.77 >"$LAB/list.txt"
    edited_policy listed "s|admins: .*|admins: { file: $LAB/list.txt }|" >/dev/null
    put -i eth0 "$LAB/listed.yaml" --force
    stays "$LAB/listed.yaml"
    rm "$LAB"/state/sets/*
    is_made "$LAB/listed.yaml"
    [ "$(find "$LAB/state/sets" -type f | wc -l)" -ge 1 ]
    put "$here/edge.yaml"
}

# No generation is made for it, but boot is to know the card that is there now.
case_what_the_interface_is_known_by_is_as_of_now() {
    put -i eth0 "$here/edge.yaml"
    in_ns edge ip link set eth0 address 02:00:00:00:00:99
    stays "$here/edge.yaml"
    grep -F 02:00:00:00:00:99 "$LAB/state/generations/$(generation)/about.json"
}

case_bans_are_told_and_make_no_difference() {
    put -i eth0 "$here/edge.yaml"
    pm ban "$ATTACKER4" --for 1h
    stays "$here/edge.yaml"
    expect_output "1 address range is banned: see 'portmatrix bans'"
    cp "$LAB/state/bans" "$LAB/list"
    pm unban "$ATTACKER4"
    cp "$LAB/list" "$LAB/state/bans" # by hand: the next apply reads it
    is_made "$here/edge.yaml"
    expect_output "1 address range is banned"
    pm unban "$ATTACKER4"
    stays "$here/edge.yaml"
    refused expect_output "banned" >/dev/null
}

# It is said each time, and is no reason for a generation each time.
case_bans_that_cannot_be_read_make_no_difference() {
    put -i eth0 "$here/edge.yaml"
    echo "no list" >"$LAB/state/bans"
    stays "$here/edge.yaml"
    expect_output "warning: the bans cannot be read"
    rm "$LAB/state/bans"
}

case_warnings_are_those_of_check() {
    edited_policy wide >/dev/null
    cat >>"$LAB/wide.yaml" <<'END'
matrix:
  - { id: wide-open, transport: tcp, source: any, destination: access, port: 6000-65535 }
END
    expect_status 0 pm check "$LAB/wide.yaml"
    expect_output "warning: row 'wide-open' is over-wide"
    expect_output "1 warning"
    put -i eth0 "$LAB/wide.yaml" --force
    expect_output "warning: row 'wide-open' is over-wide"
    refused expect_output "note: " >/dev/null
    put "$here/edge.yaml"
    refused expect_output "warning: row" >/dev/null
}

case_json() {
    put -i eth0 "$here/edge.yaml"
    variant second 's/admins: .*/admins: [192.0.2.40]/' >/dev/null
    expect_status 0 pm apply "$LAB/second.yaml" --json
    jq -e '.changed and (.shadow | not) and .generation > 0 and .policy == "second" and .mode == "enforce"
        and .interfaces == ["eth0"] and .confirm_within == null and .cut_flows == 0 and .bans == 0
        and .findings == [] and (.notes | type) == "array"' <<<"$OUTPUT" >/dev/null
    expect_equal '["setting policy","set admins"]' \
        "$(jq -c '[.changes[] | "\(.kind) \(.name)"] | sort | reverse' <<<"$OUTPUT")" changes
    expect_status 0 pm apply "$LAB/second.yaml" --json
    expect_equal false "$(jq .changed <<<"$OUTPUT")" changed
}

# A link that is removed is a program that is gone.
xdp_is_on() { in_ns edge ip -d link show dev "$1" | grep -q prog/xdp; }

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22 443
lab_await edge tcp 22 443
run_cases "$@"
