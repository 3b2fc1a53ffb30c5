#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# New programs replace the old ones behind the same links, for a policy that outgrows its memory or by a
# newer build. Flows, counters and enforcement go on, even if the command is killed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/line.sh
. "$here/line.sh"

pinned() { bpftool -j map show pinned "$PORTMATRIX_PIN_DIR/images" | jq .bytes_value; }
ingress_program() { bpftool -j prog show pinned "$PORTMATRIX_PIN_DIR/interface-0/ingress_program" | jq .id; }
attached_program() { in_ns edge ip -j link show dev eth0 | jq '.[0].xdp.prog.id'; }

case_a_policy_that_outgrows_its_memory_gets_more() {
    local size packets
    size=$(pinned)
    open_line
    packets=$(row_count ssh-admins packets_in)
    begin_pings
    expect_status 0 pm apply "$(large_policy large 200000)"
    end_pings
    [ "$(pinned)" -gt "$size" ]
    expect_equal large "$(policy_in_force)" "in force"
    close_line
    [ "$(row_count ssh-admins packets_in)" -gt "$packets" ]
    expect_equal "$(ingress_program)" "$(attached_program)" "program on the interface"
    refused tcp_talks attacker "$EDGE4" 22
    expect_status 0 pm rollback
    expect_status 0 pm rollback
    expect_equal "" "$(find "$PORTMATRIX_PIN_DIR" -name 'next_*')" "copies left"
}

case_killed_while_it_grows() {
    local round count status=0
    local -a rounds=(60 50 40 30 24 20 16 13 10 8 6 4 3 2 1)
    [ "${PM_FAULTS:-25}" -le 5 ] || rounds=(24 10 3)
    pm detach --all
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    in_ns edge strace -f -c -e trace=bpf -o "$LAB/log/strace" "$PORTMATRIX" apply "$LAB/large.yaml"
    count=$(awk '$NF == "bpf" { print $4 }' "$LAB/log/strace")
    # Programs and pins are replaced near the end, just before the switch.
    for round in "${rounds[@]}"; do
        pm detach --all
        expect_status 0 pm apply -i eth0 "$here/edge.yaml"
        in_ns edge strace -f -o "$LAB/log/strace" -e trace=bpf \
            -e "inject=bpf:signal=KILL:when=$((count - round))" \
            "$PORTMATRIX" apply "$LAB/large.yaml" >/dev/null 2>&1 || status=$?
        refused tcp_talks attacker "$EDGE4" 22
        pings user "$EDGE4" 2
        expect_status 0 pm apply "$LAB/large.yaml"
        expect_equal "" "$(find "$PORTMATRIX_PIN_DIR" -name 'next_*')" "copies left"
        expect_equal "$(ingress_program)" "$(attached_program)" "program on the interface"
        tcp_talks user "$EDGE4" 22
    done
}

case_a_newer_build_takes_over() {
    local before
    open_line
    set_build "$(abi)" 0
    before=$(attached_program)
    begin_pings
    expect_status 0 pm apply
    expect_output "replaced by those of this build"
    end_pings
    [ "$(attached_program)" -ne "$before" ]
    expect_equal "$(ingress_program)" "$(attached_program)" "program on the interface"
    close_line
    expect_status 0 pm apply
    refused expect_output "replaced by"
}

case_a_newer_layout_is_refused_and_goes_on_enforcing() {
    local version
    version=$(abi)
    set_build $((version + 1)) 0
    expect_status 1 pm apply "$here/edge.yaml"
    expect_output "layout $((version + 1)), this portmatrix has $version"
    expect_output "portmatrix restore --downgrade"
    expect_output "what is in force stays, and cannot be read here"
    refused tcp_talks attacker "$EDGE4" 22
    set_build "$version" 0
    expect_status 0 pm apply "$here/edge.yaml"
}

case_a_test_packet_that_fails_changes_nothing() {
    local before
    before=$(policy_in_force)
    # A probe program that always says "row 0": the verdicts of the candidate differ.
    printf '%s\n' '__attribute__((section("xdp"), used)) int liar(void *context) { return 0; }' |
        compile_bpf "$LAB/liar.o"
    mv "$PORTMATRIX_PIN_DIR/ask_in" "$PORTMATRIX_PIN_DIR/true_ask_in"
    bpftool prog load "$LAB/liar.o" "$PORTMATRIX_PIN_DIR/ask_in" type xdp
    expect_status 1 pm apply "$LAB/large.yaml"
    expect_output "a test packet failed"
    expect_equal "$before" "$(policy_in_force)" "in force"
    mv "$PORTMATRIX_PIN_DIR/true_ask_in" "$PORTMATRIX_PIN_DIR/ask_in"
    expect_status 0 pm apply "$LAB/large.yaml"
}

case_there_is_a_way_out_of_another_layout() {
    set_build $(($(abi) + 1)) 0
    expect_status 1 pm detach --all
    expect_output "detach --all --force"
    expect_status 1 pm detach -i eth0 --force
    expect_output "detach --all --force"
    expect_status 0 pm detach --all --force
    expect_output "eth0 is now unfiltered"
    tcp_talks attacker "$EDGE4" 22
    refused test -e "$PORTMATRIX_PIN_DIR/abi"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    refused tcp_talks attacker "$EDGE4" 22
    # Damages the pins: a map is gone.
    rm "$PORTMATRIX_PIN_DIR/images"
    expect_status 1 pm detach --all
    expect_output "damaged"
    expect_status 0 pm detach --all --force
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_services
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
