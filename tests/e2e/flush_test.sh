#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# While nftables filters in place of the programs and `watch` runs, whoever flushes nftables opens
# nothing: beside the parachute there is a copy that only its own process can remove.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/hear.sh
. "$here/hear.sh"
# shellcheck source=tests/e2e/looks.sh
. "$here/looks.sh"
# shellcheck source=tests/e2e/parachute.sh
. "$here/parachute.sh"

held() { in_ns edge nft list tables | grep -o "portmatrix-held-parachute-[0-9]*" || true; }
is_held() { [ -n "$(held)" ] && [ "$(held)" = "$(cat "$LAB/run/parachute.held")" ]; }
is_another_held() { is_held && [ "$(held)" != "$1" ]; } # THAN
is_not_held() { [ -z "$(held)" ]; }
end_of_watch() {
    [ ! -s "$LAB/run/watch" ] || kill -KILL "$(cat "$LAB/run/watch")" 2>/dev/null || true # of a case that failed
}

# A host that the parachute filters, and `watch`.
begin_with_copy() {
    end_of_watch
    begin
    boot_without_bpf
    start_watch_under /usr/bin/python3 "$here/without_bpf.py"
    wait_for 20 is_held
}
end_with_copy() {
    stop_watch TERM
    expect_status 0 pm restore
    is_not_held
}
# From now on `watch` does nothing, so that nobody loads the parachute again.
stop_looking() { wait_for 20 is_stopped_without_lock; }

case_no_flush_opens_the_host() {
    begin_with_copy
    begin_to_hear
    begin_to_send "$EDGE4"
    for _ in 1 2 3 4 5; do
        in_ns edge nft flush ruleset
        wait_for 20 is_loaded
    done
    # As nftables.service does when it starts, and when it stops.
    in_ns edge nft -f /dev/stdin <<<$'flush ruleset\ntable inet filter { chain in { type filter hook input priority 0; }; }'
    wait_for 20 is_loaded
    in_ns edge nft flush ruleset
    wait_for 20 is_loaded
    nothing_forbidden_passed
    # They do arrive where nothing stops them.
    stop_watch TERM
    in_ns edge nft flush ruleset
    wait_for 20 heard 9
    end_traffic
    expect_status 0 pm restore
    is_gone
}

case_the_copy_alone_filters_as_the_parachute_does() {
    local before
    begin_with_copy
    wait_for 20 tcp_talks partner "$EDGE4" 5061
    before=$(held)
    pm_without_bpf ban "$PARTNER4"
    wait_for 20 is_another_held "$before"
    stop_looking
    in_ns edge nft flush ruleset
    policy_holds
    refused tcp_talks partner "$EDGE4" 5061
    wait_for 20 tcp_talks partner "$EDGE6" 5061
    is_gone
    expect_status 1 pm doctor
    expect_output "its table was removed; a copy filters eth0"
    pm status | sed -n 1p | grep "^PARACHUTE: nftables filters eth0"
    pm status --json | jq -e 'select(.interface == "eth0") | .mode == "parachute" and .parachute.loaded'
    # What is lifted is lifted at once, though nobody makes another copy.
    before=$(held)
    pm_without_bpf unban "$PARTNER4"
    is_not_held
    wait_for 20 tcp_talks partner "$EDGE4" 5061
    look_again
    wait_for 20 is_another_held "$before"
    is_loaded
    policy_holds
    end_with_copy
}

case_only_its_process_can_change_the_copy() {
    local before
    begin_with_copy
    before=$(held)
    refused in_ns edge nft delete table inet "$before"
    refused in_ns edge nft flush table inet "$before"
    expect_equal "$before" "$(held)" "the copy"
    end_with_copy
}

# `watch`, which sees no programs here, may load another one at once.
is_taken_away() { expect_status 0 pm restore && is_not_held && is_gone; }

# Each who takes the parachute away returns once the copy has gone, too.
case_it_goes_with_the_parachute() {
    begin_with_copy
    wait_for 20 is_taken_away
    policy_holds
    stop_watch TERM
    begin_with_copy
    pm detach --all
    is_not_held
    wait_for 20 tcp_talks attacker "$EDGE4" 22
    end_with_copy
}

case_a_process_that_does_not_end_is_told() {
    local holder
    begin_with_copy
    holder=$(held)
    stop_looking
    kill -STOP "${holder##*-}"
    for _ in 1 2; do
        expect_status 1 pm detach --all
        expect_output "the table $holder still filters: its process does not end"
    done
    kill -CONT "${holder##*-}"
    expect_status 0 pm detach --all
    is_not_held
    wait_for 20 tcp_talks attacker "$EDGE4" 22
    look_again
    end_with_copy
}

# By then nothing filters eth0: that is said as well, and what clears away the rest.
case_what_is_left_is_told_beside_what_is_unfiltered() {
    local by remedy
    end_of_watch
    for by in "-i eth0" --all; do
        begin
        echo portmatrix-held-parachute-1 >"$LAB/run/parachute.held"
        mkdir -p "$LAB/run/parachute.held.going/taken"
        # shellcheck disable=SC2086 # two words
        expect_status 1 pm detach $by
        expect_output "eth0 is now unfiltered"
        expect_output "cannot rename $LAB/run/parachute.held: "
        remedy="portmatrix detach --all"
        [ "$by" != --all ] || remedy="the same command"
        expect_output "$remedy clears away the rest"
        wait_for 20 tcp_talks attacker "$EDGE4" 22
        rm -r "$LAB/run/parachute.held.going"
        expect_status 0 pm detach --all
        refused test -e "$LAB/run/parachute.held"
    done
}

case_another_is_made_of_what_is_loaded_anew() {
    local before
    begin_with_copy
    before=$(held)
    in_ns edge nft flush ruleset
    wait_for 20 is_another_held "$before"
    # Its process may be killed.
    before=$(held)
    kill -KILL "${before##*-}"
    wait_for 20 is_another_held "$before"
    policy_holds
    end_with_copy
}

case_that_none_can_be_held_is_told_once() {
    local looked
    end_of_watch
    begin
    boot_without_bpf
    mkdir -p "$LAB/run/parachute.held.new/taken"
    start_watch_and_hear /usr/bin/python3 "$here/without_bpf.py"
    wait_for 20 watch_said "a flush of nftables by others opens the host for a moment: cannot hold a copy of the table"
    policy_holds
    looked=$(looks)
    wait_for 60 has_looked $((looked + 3))
    expect_equal 1 "$(grep -c "opens the host for a moment" "$LAB/log/watch")" "times that it was told"
    rm -rf "$LAB/run/parachute.held.new"
    wait_for 70 is_held
    stop_watch_and_hear
    expect_status 0 pm restore
    is_not_held
}

# The parachute needs no `watch`; the copy is one more.
case_a_killed_watch_leaves_the_parachute() {
    begin_with_copy
    stop_watch KILL
    wait_for 20 is_not_held
    is_loaded
    policy_holds
    expect_status 0 pm restore
    is_gone
}

case_doctor_says_that_none_is_held() {
    begin_with_copy
    expect_status 1 pm doctor
    refused grep "flush of nftables" <<<"$OUTPUT"
    stop_watch TERM
    expect_status 1 pm doctor
    expect_output "a flush of nftables opens the host until it is loaded again"
    expect_status 0 pm restore
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
lab_echo edge 5061
lab_await edge tcp 5061
run_cases "$@"
