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
# shellcheck source=tests/e2e/parachute.sh
. "$here/parachute.sh"

held() { in_ns edge nft list tables | grep -o "portmatrix-held-parachute-[0-9]*" || true; }
is_held() { [ "$(held | wc -l)" = 1 ]; }
is_another_held() { [ "$(held | wc -l)" = 1 ] && [ "$(held)" != "$1" ]; } # THAN
is_not_held() { [ -z "$(held)" ]; }

# A host that the parachute filters, and `watch`.
begin_with_copy() {
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

case_no_flush_opens_the_host() {
    begin_with_copy
    policy_holds
    begin_to_hear
    begin_to_send "$EDGE4"
    for _ in 1 2 3 4 5; do
        in_ns edge nft flush ruleset
        wait_for 10 is_loaded
    done
    # As nftables.service does when it starts, and when it stops.
    in_ns edge nft -f /dev/stdin <<<$'flush ruleset\ntable inet filter { chain in { type filter hook input priority 0; }; }'
    wait_for 10 is_loaded
    in_ns edge nft flush ruleset
    in_ns edge nft delete table "${TABLE[@]}" 2>/dev/null || true # may not be there yet
    wait_for 10 is_loaded
    nothing_forbidden_passed
    policy_holds
    # They do arrive where nothing stops them.
    stop_watch TERM
    in_ns edge nft flush ruleset
    wait_for 10 heard 9
    end_traffic
    expect_status 0 pm restore
    is_gone
}

case_only_its_process_can_remove_the_copy() {
    begin_with_copy
    refused in_ns edge nft delete table inet "$(held)"
    refused in_ns edge nft flush table inet "$(held)"
    end_with_copy
}

# Each who takes the parachute away returns once the copy has gone, too.
case_it_goes_with_the_parachute() {
    begin_with_copy
    expect_status 0 pm restore
    is_not_held
    is_gone
    policy_holds
    stop_watch TERM
    begin_with_copy
    pm detach --all
    is_not_held
    tcp_talks attacker "$EDGE4" 22
    end_with_copy
}

case_bans_hold_through_a_flush_and_end_with_unban() {
    local before
    begin_with_copy
    tcp_talks partner "$EDGE4" 5061
    before=$(held)
    pm_without_bpf ban "$PARTNER4"
    wait_for 20 is_another_held "$before"
    in_ns edge nft list set inet "$(held)" banned-v4 | grep "$PARTNER4"
    refused tcp_talks partner "$EDGE4" 5061
    before=$(held)
    pm_without_bpf unban "$PARTNER4"
    tcp_talks partner "$EDGE4" 5061
    wait_for 20 is_another_held "$before"
    policy_holds
    end_with_copy
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

case_a_killed_watch_leaves_the_parachute() {
    begin_with_copy
    stop_watch KILL
    wait_for 10 is_not_held
    is_loaded
    policy_holds
    expect_status 0 pm restore
    is_gone
}

case_doctor_says_that_none_is_held() {
    begin_with_copy
    expect_status 1 pm doctor
    refused grep "opens the host" <<<"$OUTPUT"
    stop_watch TERM
    expect_status 1 pm doctor
    expect_output "whoever flushes nftables opens the host until it is loaded again"
    expect_status 0 pm restore
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
lab_echo edge 5061
lab_await edge tcp 5061
run_cases "$@"
