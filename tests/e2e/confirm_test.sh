#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A policy after its apply: it is confirmed; rolled back by the programs themselves, by hand or by a
# reboot; restored at boot. And what is left when the stored state is damaged.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

confirmed() { jq -c '[.generation, .previous]' "$LAB/state/confirmed.json"; }

# What the kernel and /run hold is gone, the disk stays.
reboot() { pm detach --all && rm -rf "${LAB:?}/run"; }

case_nothing_confirmed_is_nothing_restored() {
    expect_status 1 pm restore
    expect_output "nothing was ever confirmed"
    expect_status 1 pm confirm
    expect_status 1 pm rollback
}

case_with_nothing_confirmed_the_policy_file_is_applied() {
    mkdir -p "$LAB/etc"
    echo "policy: broken" >"$PORTMATRIX_POLICY_FILE"
    echo "matrix: 7" >>"$PORTMATRIX_POLICY_FILE"
    expect_status 3 pm restore
    expect_output "nothing is filtered"
    sed 's/^edge:/interfaces: { eth0: [access] }\n&/; s/host-base.yaml/host-base.yaml/' "$here/edge.yaml" \
        >"$PORTMATRIX_POLICY_FILE"
    expect_status 0 pm restore
    expect_output "is in force on eth0"
    expect_equal null "$(pm status --json | jq .drift)" drift
    # Drift is judged by meaning, as diff does: other words for the same policy are no drift.
    sed -i 's/\[198.51.100.0\/24, "2001:db8:20::\/48"\]/["2001:db8:20::\/48", 198.51.100.0\/24]/; s/host: access/host: [203.0.113.10, 203.0.113.138, "2001:db8:10::10"]/; s/\[access\]/[access, host]/' "$PORTMATRIX_POLICY_FILE"
    expect_status 0 pm diff "$PORTMATRIX_POLICY_FILE"
    refused cmp -s <(pm show --policy "$PORTMATRIX_POLICY_FILE") <(pm show)
    expect_equal null "$(pm status --json | jq .drift)" drift
    sed -i 's/198.51.100.0/198.51.101.0/; s/, row: access-sip-mtls-in//; s/verdict: pass/verdict: drop/' "$PORTMATRIX_POLICY_FILE"
    expect_equal '"policy"' "$(pm status --json | jq .drift)" drift
    grep -q "policy file differs" <<<"$(pm status)"
    pm detach --all
    rm -r "${LAB:?}/state" "${LAB:?}/etc"
}

case_a_bare_number_is_no_time() {
    expect_status 2 pm apply -i eth0 "$(variant one)" --confirm-within 60
    expect_output "write a number and s, m, h or d"
    expect_output "nothing changed"
}

case_a_first_apply_that_nobody_confirms_ends_in_audit() {
    expect_status 0 pm apply -i eth0 "$(variant one)" --confirm-within $((2 * SLOW))s
    refused tcp_talks attacker "$EDGE4" 22
    wait_for 20 state_is "1 one audit"
    tcp_talks attacker "$EDGE4" 22
    [ ! -e "$LAB/state/confirmed.json" ]
    # No command asked for audit mode, so the next apply enforces.
    expect_status 0 pm apply "$LAB/one.yaml" --confirm-within 100s
    expect_equal "2 one enforce" "$(state_in_force)" "in force"
    expect_status 0 pm rollback
    pm detach --all
    rm -r "$LAB/state/generations/2.unconfirmed"
}

case_an_apply_is_confirmed_at_once() {
    expect_status 0 pm apply -i eth0 --mode enforce "$(variant one)"
    expect_equal "2 one enforce" "$(state_in_force)" "in force"
    expect_equal "[2,0]" "$(confirmed)" "on disk"
}

case_a_pending_policy_says_so_and_bars_another() {
    expect_status 0 pm apply "$(variant two 's/admins: .*/admins: none/')" --confirm-within 100s
    expect_equal "3 two enforce" "$(state_in_force)" "in force"
    expect_equal "[2,0]" "$(confirmed)" "on disk"
    pm status --json | jq -e '.pending_confirm | .seconds_left > 90 and .generation == 2 and .policy == "one" and .mode == "enforce"'
    pm status | sed -n 2p | grep -xE "WILL ROLL BACK to generation 2 \(one\) in 1m[0-9]+s unless: portmatrix confirm"
    expect_status 4 pm apply "$(variant three)"
    expect_output "waits to be confirmed"
    expect_output "portmatrix confirm"
    expect_output "for "
    expect_status 4 pm apply --force "$(variant three)"
    refused tcp_talks user "$EDGE4" 22
}

case_rollback_ends_it() {
    expect_status 0 pm rollback
    expect_equal "2 one enforce" "$(state_in_force)" "in force"
    tcp_talks user "$EDGE4" 22
}

case_confirm_keeps_it() {
    expect_status 0 pm apply "$(variant two)" --confirm-within 100s
    expect_status 0 pm confirm
    expect_equal "4 two enforce" "$(state_in_force)" "in force"
    expect_equal null "$(pm status --json | jq .pending_confirm)" pending
    expect_equal "[4,2]" "$(confirmed)" "on disk"
    expect_status 1 pm confirm
    expect_output "nothing waits"
}

case_the_programs_roll_back_though_every_process_is_dead() {
    local before
    before=$(state_in_force)
    # Pings pass by both policies; the attacker's port only by the pending one.
    expect_status 0 pm apply "$(variant open 's/admins: .*/admins: any/')" --confirm-within $((3 * SLOW))s
    local pings
    begin_pings
    tcp_talks attacker "$EDGE4" 22
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-attacker" socat - "TCP:$EDGE4:22"; }
    # shellcheck disable=SC2153 # set by coproc
    local out=${TALK[0]} in=${TALK[1]} process=$TALK_PID line
    echo before >&"$in"
    read -r -t $((3 * SLOW)) line <&"$out"
    wait_for 20 refused tcp_talks attacker "$EDGE4" 22
    echo after >&"$in" # its flow is judged anew, and cut
    refused read -r -t 1 line <&"$out"
    kill "$process"
    wait "$process" || true
    end_pings
    expect_equal "$before" "$(state_in_force)" "in force"
    tcp_talks user "$EDGE4" 22
}

case_confirming_too_late_is_refused() {
    expect_status 4 pm confirm
    expect_output "too late: generation 5"
    expect_output "generation 4 stays in force"
    expect_equal "[4,2]" "$(confirmed)" "on disk"
    expect_status 4 pm confirm # also where that is settled already, as by the service
    expect_output "too late: generation 5"
}

case_a_mode_can_wait_to_be_confirmed_too() {
    expect_status 0 pm apply --mode audit --confirm-within $((3 * SLOW))s
    tcp_talks attacker "$EDGE4" 8080
    wait_for 20 state_is "4 two enforce"
    refused tcp_talks attacker "$EDGE4" 8080
    # A rollback by hand after one by deadline goes no step further back.
    expect_status 0 pm rollback
    expect_output "generation 6 was not confirmed in time and is rolled back"
    expect_output "generation 4 (two) is in force"
}

case_rollback_goes_back_and_forth() {
    expect_status 0 pm rollback
    expect_equal "2 one enforce" "$(state_in_force)" "in force"
    expect_equal "[2,4]" "$(confirmed)" "on disk"
    expect_status 0 pm rollback
    expect_equal "4 two enforce" "$(state_in_force)" "in force"
}

# The command was killed after it wrote to the disk.
case_a_rollback_that_was_cut_short_is_begun_anew() {
    cp "$LAB/state/confirmed.json" "$LAB/before"
    jq -c '{generation: .previous, previous: .generation, earlier: .previous}' "$LAB/before" \
        >"$LAB/state/confirmed.json"
    expect_status 0 pm rollback
    expect_equal "2 one enforce" "$(state_in_force)" "in force"
    expect_status 0 pm rollback
    expect_equal "4 two enforce" "$(state_in_force)" "in force"
    # The same for an apply: its policy was never in force.
    jq -c '{generation: 5, previous: .generation, earlier: .previous}' "$LAB/before" \
        >"$LAB/state/confirmed.json"
    expect_status 0 pm rollback
    expect_equal "2 one enforce" "$(state_in_force)" "in force"
    expect_status 0 pm rollback
    expect_equal "[4,2]" "$(confirmed)" "on disk"
}

case_counters_follow_the_row_through_a_rollback() {
    local before
    before=$(row_count ssh-admins packets_in)
    [ "$before" -gt 0 ]
    expect_status 0 pm rollback
    expect_equal "$before" "$(pm status --json |
        jq '.rows[] | select(.id == "ssh-admins") | .packets_in')" packets
    expect_status 0 pm rollback
}

case_generations_can_be_shown() {
    expect_status 0 pm show --generation 2
    expect_output "policy: one"
    expect_status 2 pm show --generation 99
    expect_output "is not kept"
    expect_status 2 pm show --generation 18446744073709551616
    expect_output "'18446744073709551616' is too large a number"
}

case_a_reboot_restores_what_was_confirmed() {
    expect_status 0 pm apply "$(variant open 's/admins: .*/admins: any/')" --confirm-within 100s
    # A generation that waits to be confirmed is kept too.
    expect_status 0 pm show --generation "$(generation_in_force)"
    expect_output "admins: any"
    reboot
    tcp_talks attacker "$EDGE4" 22
    expect_status 0 pm restore
    expect_output "generation 4 (two) is in force on eth0"
    refused tcp_talks attacker "$EDGE4" 22
    tcp_talks user "$EDGE4" 22
    expect_status 0 pm restore
    expect_output "already in force"
}

# The policy is in force before its interface is there; then restore, as watch, only attaches it.
case_a_late_interface_is_closed_before_it_is_up() {
    local mac
    mac=$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')
    reboot
    in_ns net ip link delete edge
    expect_status 1 pm restore
    expect_output "generation 4 is in force on no interface, and eth0 is absent"
    expect_status 0 pm restore
    expect_output "is already in force on no interface; eth0 is absent"
    lab_plug edge eth0
    in_ns edge ip link set eth0 address "$mac"
    expect_status 0 pm restore
    expect_output "eth0 has appeared, and is attached"
    expect_output "generation 4 (two) is already in force on eth0"
    lab_up edge "$EDGE4" "$EDGE6"
    tcp_talks user "$EDGE4" 22
    refused tcp_talks attacker "$EDGE4" 22
}

case_set_files_are_restored_as_they_were() {
    printf '192.0.2.40\n' >"$LAB/admins.txt"
    variant files 's/admins: .*/admins: { file: admins.txt }/' >/dev/null
    expect_status 0 pm apply "$LAB/files.yaml"
    tcp_talks user "$EDGE4" 22
    printf '192.0.2.66\n' >"$LAB/admins.txt"
    reboot
    expect_status 0 pm restore
    tcp_talks user "$EDGE4" 22
    refused tcp_talks attacker "$EDGE4" 22
    # The same holds if the policy is compiled anew.
    local number
    number=$(jq .generation "$LAB/state/confirmed.json")
    : >"$LAB/state/generations/$number/image"
    reboot
    expect_status 0 pm restore
    expect_output "compiled anew"
    tcp_talks user "$EDGE4" 22
    refused tcp_talks attacker "$EDGE4" 22
}

# A restore has compiled the policy anew from stored copies of its set files. The next apply reads the
# files that the policy names.
case_what_was_compiled_anew_reads_its_set_files_again() {
    pm show | grep "file: \"\?$LAB/admins.txt" >/dev/null
    expect_status 0 pm apply
    tcp_talks attacker "$EDGE4" 22
    refused tcp_talks user "$EDGE4" 22
    printf '192.0.2.40\n' >"$LAB/admins.txt"
    wait_for 20 no_session # which the apply would cut
    expect_status 0 pm apply
    tcp_talks user "$EDGE4" 22
}

# If the record of what was confirmed is lost, a policy that waits can still be confirmed.
case_a_damaged_record_bars_no_confirm() {
    expect_status 0 pm apply "$LAB/files.yaml" --confirm-within 100s
    echo torn >"$LAB/state/confirmed.json"
    expect_status 0 pm confirm
    expect_equal "$(generation_in_force)" \
        "$(jq .generation "$LAB/state/confirmed.json")" "on disk"
}

# An interface that cannot be filtered leaves no other one open.
case_an_interface_that_cannot_be_filtered_opens_no_other() {
    printf '%s\n' '__attribute__((section("xdp"), used)) int stranger(void *context) { return 2; }' |
        compile_bpf "$LAB/stranger.o"
    in_ns edge ip link add spare type veth peer name spare1
    expect_status 0 pm apply -i spare
    reboot
    in_ns edge ip link set dev spare xdp obj "$LAB/stranger.o" sec xdp
    expect_status 1 pm restore
    expect_output "in force on eth0, and not on every interface: cannot attach to spare"
    refused tcp_talks attacker "$EDGE4" 22
    tcp_talks user "$EDGE4" 22
    tls_talks user "$EDGE4" 443
    expect_status 0 pm restore
    # Nor if there are failsafe rows only.
    cp -r "$LAB/state" "$LAB/kept"
    rm "$LAB/state/generations/$(jq .generation "$LAB/state/confirmed.json")/"{image,policy.yaml}
    reboot
    expect_status 1 pm restore
    expect_output "failsafe rows of generation"
    refused tcp_talks attacker "$EDGE4" 22
    tcp_talks user "$EDGE4" 22
    # Nor if the driver refuses.
    rm -r "$LAB/state" && mv "$LAB/kept" "$LAB/state"
    in_ns edge ip link set dev spare xdp off
    reboot
    local call # native, and then generic
    call=$(attach_call spare)
    expect_status 1 in_ns edge strace -qq -o /dev/null -e trace=bpf \
        -e "inject=bpf:error=ENOMEM:when=$call..$((call + 1))" "$PORTMATRIX" restore
    expect_output "cannot attach XDP to spare"
    expect_equal '["eth0 enforce","spare parachute"]' \
        "$(pm status --json | jq -cs 'map("\(.interface) \(.mode)") | sort')" interfaces
    refused tcp_talks attacker "$EDGE4" 22
    expect_status 0 pm detach --all
    in_ns edge ip link delete spare
    expect_status 1 pm restore
    expect_output "spare is absent"
    expect_status 0 pm detach -i spare
    expect_status 0 pm apply
}

# NAME: the number of the bpf() call by which a restore attaches XDP to this interface.
attach_call() {
    local index
    index=$(in_ns edge ip -j link show dev "$1" | jq '.[0].ifindex')
    in_ns edge strace -qq -o "$LAB/log/calls" -e trace=bpf "$PORTMATRIX" restore >/dev/null 2>&1
    pm detach --all >/dev/null 2>&1
    grep -n "BPF_LINK_CREATE.*target_fd=$index, attach_type=BPF_XDP" "$LAB/log/calls" | head -n 1 | cut -d: -f1
}

case_each_refusal_of_a_command_is_told() {
    local lines
    lines=$(pm history --json | wc -l)
    expect_status 1 pm confirm
    expect_status 1 pm confirm
    expect_equal $((lines + 2)) "$(pm history --json | wc -l)" "lines of history"
}

# A service that is restarted each second must not push older entries out of the history.
case_a_failure_that_repeats_is_told_once() {
    local lines mac
    mac=$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')
    mv "$LAB/state/generations" "$LAB/aside" # nobody knows which interfaces there were
    reboot
    in_ns net ip link delete edge
    expect_status 1 pm restore
    lines=$(pm history --json | wc -l)
    expect_status 1 pm restore
    expect_status 1 pm restore
    expect_equal "$lines" "$(pm history --json | wc -l)" "lines of history"
    expect_equal restore "$(pm history --json | tail -n 1 | jq -r .action)" "told last"
    expect_status 0 pm restore --service # the parachute is loaded; what that says is told once too
    lines=$(pm history --json | wc -l)
    expect_status 0 pm restore --service
    expect_equal "$lines" "$(pm history --json | wc -l)" "lines of history"
    mv "$LAB/aside" "$LAB/state/generations"
    lab_plug edge eth0
    in_ns edge ip link set eth0 address "$mac"
    lab_up edge "$EDGE4" "$EDGE6"
    expect_status 0 pm apply -i eth0 "$LAB/files.yaml"
    tcp_talks user "$EDGE4" 22
}

case_an_unreadable_generation_leaves_the_failsafe_rows() {
    local number
    number=$(jq .generation "$LAB/state/confirmed.json")
    cp -r "$LAB/state/generations/$number" "$LAB/kept"
    rm "$LAB/state/generations/$number/image" "$LAB/state/generations/$number/policy.yaml"
    mkdir -p "$LAB/etc"
    cp "$here/edge.yaml" "$PORTMATRIX_POLICY_FILE"
    reboot
    expect_status 1 pm restore
    expect_output "failsafe rows of generation"
    expect_equal '["policy",0,null]' \
        "$(pm status --json | jq -c '[.drift, .policy.generation, .policy.applied_at]')" "drift, generation and time"
    rm -r "${LAB:?}/etc"
    expect_output "is in force on eth0"
    tcp_talks user "$EDGE4" 22
    refused tls_talks user "$EDGE4" 443
    refused tcp_talks attacker "$EDGE4" 22
    expect_status 0 pm restore
    expect_output "the confirmed policy cannot be put in force"
    expect_output "generation 0 (failsafe-only) is already in force"
    # Failsafe rows that boot has put in force do not become the policy.
    expect_status 4 pm apply
    expect_output "only what a restore left that failed"
    expect_output "portmatrix restore"
    expect_equal "$number" "$(jq .generation "$LAB/state/confirmed.json")" "confirmed"
    cp -r "$LAB/kept/." "$LAB/state/generations/$number"
    expect_status 0 pm restore
    expect_output "generation $number"
    tls_talks user "$EDGE4" 443
}

case_a_lost_memory_leaves_the_host_closed() {
    rm -r "$LAB/state/generations"
    echo torn >"$LAB/state/confirmed.json"
    reboot
    expect_status 1 pm restore
    expect_output "no row"
    refused tcp_talks user "$EDGE4" 22
    refused pings user "$EDGE4" 1
    expect_status 0 pm apply "$(variant one)"
    tcp_talks user "$EDGE4" 22
    pm detach --all
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_services
run_cases "$@"
