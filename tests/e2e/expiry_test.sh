#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An interface that was added by an apply whose deadline passes: what is left of it, and which command
# reports it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

mode_of() { pm status -i "$1" --json | jq -r .mode; }
is_open() { [ "$(mode_of "$1")" = off ]; }
explained() { # INTERFACE
    pm explain -i "$1" --from 10.79.0.2:40000 --to 10.79.0.1:8080 --proto tcp --json | jq -c '[.verdict, .row, .reason]'
}

case_an_interface_whose_addition_is_rolled_back_is_open_and_said_to_be() {
    lab_wire spare 10.79.0
    expect_status 0 pm apply -i spare --confirm-within $((2 * SLOW))s
    expect_equal '["drop",null,"no-service"]' "$(explained spare)" "explained before"
    refused tcp_talks user 10.79.0.1 8080
    wait_for 20 is_open spare
    tcp_talks user 10.79.0.1 8080
    expect_equal '["pass",null,null]' "$(explained spare)" explained
    expect_equal '["drop",null,"no-service"]' "$(explained eth0)" "explained where it is in force"
    pm explain -i spare --from 10.79.0.2:40000 --to 10.79.0.1:8080 --proto tcp >"$LAB/said"
    grep -qF "spare: pass (in, tcp): not filtered" "$LAB/said"
    expect_status 4 pm confirm
    expect_output "is rolled back; spare is now unfiltered"
    pm history --json | tail -n 2 | jq -es '.[0] | .action == "expire" and (.message | endswith("; spare is now unfiltered"))'
    # The programs are still attached, so the next apply filters it.
    expect_status 0 pm apply --force # its address is in no role
    expect_output "is in force on eth0, spare"
    refused tcp_talks user 10.79.0.1 8080
    expect_status 0 pm detach -i spare
    expect_status 0 pm apply -i spare --confirm-within 100s
    expect_status 0 pm rollback
    expect_output "spare is now unfiltered"
    expect_equal off "$(mode_of spare)" mode
    expect_status 0 pm detach -i spare
    in_ns edge ip link delete spare
}

# Whichever command comes first after a deadline reports it.
case_detaching_tells_of_an_expiry() {
    local before number
    before=$(generation_in_force)
    expect_status 0 pm apply "$(variant two)" --confirm-within 1s
    number=$(generation_in_force)
    wait_for 20 generation_is "$before"
    expect_status 0 pm detach --all
    expect_output "generation $number was not confirmed in time and is rolled back"
    expect_output "eth0 is now unfiltered"
    expect_equal "[\"expire\",$number]" \
        "$(pm history --json | tail -n 2 | jq -cs '.[0] | [.action, .generation]')" "told"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 8080
lab_await edge tcp 8080
expect_status 0 pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
