#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What an administrator does to a running host, and what must not happen meanwhile: policies are
# switched under traffic, commands are killed, others get in the way, things are refused.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

case_nothing_is_filtered_before() {
    tcp_talks attacker "$EDGE4" 22
}

case_an_unknown_interface_is_named() {
    expect_status 1 pm apply -i eth9 "$here/edge.yaml"
    expect_output eth9
}

case_no_interface_is_a_usage_error() {
    expect_status 2 pm apply "$here/edge.yaml"
}

case_without_root_nothing_is_done() {
    expect_status 1 in_ns edge setpriv --bounding-set=-all --inh-caps=-all \
        "$PORTMATRIX" apply -i eth0 "$here/edge.yaml"
    expect_output "error:"
    tcp_talks attacker "$EDGE4" 22
}

# STATUS TEXT COMMAND...: an apply that COMMAND runs ends with STATUS, with TEXT as its only reason, and
# either all is done or nothing.
apply_under() {
    local want=$1 text=$2 status=0
    shift 2
    in_ns edge "$@" "$PORTMATRIX" apply -i eth0 "$here/edge.yaml" >"$LAB/said" 2>&1 || status=$?
    expect_equal "$want" "$status" "exit status under $*" || { cat "$LAB/said"; return 1; }
    grep -qF -- "$text" "$LAB/said" || { cat "$LAB/said"; return 1; }
    if [ "$status" -eq 0 ]; then
        refused tcp_talks attacker "$EDGE4" 22
        expect_status 0 pm detach --all --force
    else
        expect_equal 1 "$(grep -c 'error:' "$LAB/said")" "reasons"
    fi
    tcp_talks attacker "$EDGE4" 22
    test ! -e "$PORTMATRIX_PIN_DIR"
    expect_equal 0 "$(in_ns edge tc filter show dev eth0 egress | wc -l)" "filters on the way out"
}

case_with_little_it_works_or_says_why_not() {
    local -x PORTMATRIX_STATE_DIR=$LAB/little
    local rights="run it as root with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"
    apply_under 1 "ulimit -n" prlimit --nofile=16
    apply_under 0 "is in force" prlimit --memlock=0
    apply_under 1 "$rights" setpriv --bounding-set=-net_admin,-sys_admin --inh-caps=-net_admin,-sys_admin
    apply_under 1 "$rights" setpriv --bounding-set=-all,+net_admin,+bpf --inh-caps=-all
    apply_under 0 "is in force" setpriv --bounding-set=-all,+net_admin,+bpf,+perfmon --inh-caps=-all
    # shellcheck disable=SC2016 # expanded by the inner shell
    apply_under 0 "is in force" unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$0" "$@"'
}

case_a_broken_policy_changes_nothing() {
    expect_status 3 pm apply -i eth0 "$(edited_policy policy 's/port: .*//; s/tcp: 5061/tcp: 50610/')"
    tcp_talks attacker "$EDGE4" 22
}

case_a_foreign_xdp_program_is_named_and_left_alone() {
    printf '%s\n' '__attribute__((section("xdp"), used)) int stranger(void *context) { return 2; }' |
        compile_bpf "$LAB/stranger.o"
    in_ns edge ip link set dev eth0 xdp obj "$LAB/stranger.o" sec xdp
    expect_status 4 pm apply -i eth0 "$here/edge.yaml"
    expect_output stranger
    in_ns edge ip -d link show dev eth0 | grep 'prog/xdp' >/dev/null
    in_ns edge ip link set dev eth0 xdp off
}

case_a_folder_that_others_can_write_is_refused() {
    mkdir -m 0777 "$LAB/bpf/open"
    PORTMATRIX_PIN_DIR=$LAB/bpf/open expect_status 1 pm apply -i eth0 "$here/edge.yaml"
    expect_output "$LAB/bpf/open"
    rmdir "$LAB/bpf/open"
    mkdir -m 0700 "$LAB/elsewhere"
    ln -s elsewhere "$LAB/link"
    PORTMATRIX_RUN_DIR=$LAB/link expect_status 1 pm apply -i eth0 "$here/edge.yaml"
    tcp_talks attacker "$EDGE4" 22
}

case_apply_closes_what_is_not_listed() {
    tls_talks user "$EDGE4" 443
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    tls_talks user "$EDGE4" 443
    refused tcp_talks attacker "$EDGE4" 22
    expect_equal 1 "$(generation_in_force)" generation
}

case_a_second_writer_is_turned_away() {
    (
        exec 9<>"$LAB/run/lock"
        flock 9
        expect_status 1 pm apply "$here/edge.yaml"
        expect_output "another portmatrix (pid $(cat "$LAB/run/lock")) is changing the policy"
    )
    expect_status 0 pm apply "$(edited_policy second 's/^expect:/fragments: drop\nexpect:/')"
    expect_equal 2 "$(generation_in_force)" generation
}

case_a_live_connection_survives_apply() {
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-user" socat - "TCP:$EDGE4:22"; }
    # shellcheck disable=SC2153 # set by coproc
    local out=${TALK[0]} in=${TALK[1]} process=$TALK_PID line
    echo before >&"$in"
    read -r -t 3 line <&"$out"
    expect_equal before "$line" echo
    expect_status 0 pm apply "$(edited_policy policy 's/198.51.100.0\/24/198.51.100.0\/25/')"
    echo after >&"$in"
    read -r -t 3 line <&"$out"
    expect_equal after "$line" echo
    kill "$process"
    wait "$process" || true
}

case_a_row_that_is_gone_cuts_its_connections() {
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-user" socat - "TCP:$EDGE4:22"; }
    local out=${TALK[0]} in=${TALK[1]} process=$TALK_PID line
    echo before >&"$in"
    read -r -t 3 line <&"$out"
    expect_status 0 pm apply --force "$(edited_policy policy 's/admins: .*/admins: none/')"
    echo after >&"$in"
    refused read -r -t 1 line <&"$out"
    # The connection was cut, not closed: once the row is back it goes on.
    expect_status 0 pm apply "$here/edge.yaml"
    read -r -t 5 line <&"$out"
    expect_equal after "$line" echo
    kill "$process"
    wait "$process" || true
}

case_counters_continue_over_apply() {
    local before after
    before=$(row_count ssh-admins packets_in)
    [ "$before" -gt 0 ]
    expect_status 0 pm apply "$(edited_policy policy 's/contoso-edge/contoso-edge-2/')"
    after=$(row_count ssh-admins packets_in)
    expect_equal "$before" "$after" packets
    expect_equal contoso-edge-2 "$(policy_in_force)" policy
}

case_no_packet_is_lost_while_policies_change() {
    local round pings
    begin_pings
    for round in 1 2 3 4 5 6; do
        expect_status 0 pm apply "$(edited_policy policy "s/contoso-edge/round-$round/")"
    done
    end_pings
}

case_a_policy_with_errors_leaves_the_one_in_force() {
    local before
    before=$(generation_in_force)
    expect_status 3 pm apply "$(edited_policy policy 's/verdict: pass/verdict: drop/')"
    expect_output "generation $before stays in force"
    expect_equal "$before" "$(generation_in_force)" generation
    expect_status 1 pm apply "$LAB/none.yaml"
    expect_output "cannot read policy '$LAB/none.yaml'"
    expect_output "generation $before stays in force"
}

case_killed_at_any_moment_it_is_old_or_new() {
    local round process before after
    for round in $(seq 1 12); do
        before=$(generation_in_force)
        pm apply "$(edited_policy policy "s/contoso-edge/kill-$round/")" >/dev/null 2>&1 &
        process=$!
        python3 -c "import time; time.sleep($round * 0.004)"
        kill -9 "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
        after=$(generation_in_force)
        [ "$after" -eq "$before" ] || [ "$after" -eq $((before + 1)) ] ||
            { echo "generation $before, then $after"; return 1; }
        pings user "$EDGE4" 2
        refused tcp_talks attacker "$EDGE4" 22
    done
    expect_status 0 pm apply "$here/edge.yaml"
}

# A message that a killed command has left is not taken for the reason.
case_a_state_folder_that_is_read_only_is_told() {
    mkdir -p "$LAB/state/generations/new"
    touch "$LAB/state/generations/new/image"
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect_status 1 in_ns edge unshare -m sh -c \
        'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"' \
        "$LAB/state" "$PORTMATRIX" apply "$(edited_policy second 's/^expect:/fragments: drop\nexpect:/')"
    expect_output "error: cannot write $LAB/state/generations/new/image: read-only file system (EROFS)"
    expect_status 0 pm apply "$here/edge.yaml"
}

case_enforcement_needs_no_process() {
    # The shell of the apply is gone, and no process of portmatrix runs.
    (expect_status 0 pm apply "$here/edge.yaml")
    expect_equal "" "$(ip netns pids "$LAB_NET-edge" | xargs -r ps -o comm= -p |
        grep portmatrix || true)" "processes of portmatrix"
    tls_talks user "$EDGE4" 443
    refused tcp_talks attacker "$EDGE4" 22
}

case_a_role_that_is_the_interface_follows_its_addresses() {
    cat >"$LAB/follow.yaml" <<END
policy: follow
edge: { host: interface }
peers: { everyone: any }
matrix:
  - { id: echo-in, transport: tcp, source: everyone, destination: host, port: 8080 }
END
    expect_status 0 pm apply "$LAB/follow.yaml"
    in_ns edge ip address add 203.0.113.99/32 dev eth0
    tcp_talks attacker 203.0.113.99 8080
    refused tcp_talks attacker 203.0.113.99 22
    in_ns edge ip address delete 203.0.113.99/32 dev eth0
}

case_audit_drops_nothing_and_counts() {
    local would
    expect_status 0 pm apply --mode audit "$here/edge.yaml"
    tcp_talks attacker "$EDGE4" 8080
    would=$(pm status --json | jq '[.would_drop[].packets] | add')
    [ "$would" -gt 0 ]
    expect_equal '"audit"' "$(pm status --json | jq .mode)" mode
    expect_status 0 pm apply --mode enforce "$here/edge.yaml"
    refused tcp_talks attacker "$EDGE4" 8080
}

case_show_prints_a_policy_that_can_be_applied() {
    pm show >"$LAB/shown.yaml"
    expect_status 0 pm apply "$LAB/shown.yaml"
    pm show | cmp - "$LAB/shown.yaml"
}

case_the_highest_port_is_a_port() {
    cat >"$LAB/high.yaml" <<END
policy: high
include: [$here/edge.yaml]
matrix:
  - { id: highest, transport: udp, source: any, destination: access, port: 65535 }
END
    expect_status 0 pm apply "$LAB/high.yaml"
    expect_status 0 pm apply "$here/edge.yaml"
}

# An interface that is named twice counts once; it is not taken for all of them.
case_an_interface_that_is_named_twice_is_one() {
    in_ns edge ip link add twin type veth peer name twin1
    expect_status 0 pm apply -i twin -i twin "$here/edge.yaml"
    expect_equal '["twin"]' "$(pm status --json -i twin -i twin | jq -cs 'map(.interface)')" status
    expect_equal 1 "$(pm explain --json -i twin -i twin --from "$USER4:40000" --to "$EDGE4:22" --proto tcp |
        wc -l)" answers
    expect_status 0 pm detach -i twin -i twin
    expect_equal '["eth0 enforce","twin off"]' "$(pm status --json | jq -cs 'map("\(.interface) \(.mode)")')" "what is left"
    refused tcp_talks attacker "$EDGE4" 22
    expect_equal '["twin is now unfiltered"]' \
        "$(pm history --json | jq -cs '[.[] | select(.action == "detach") | .message][-1:]')" history
    in_ns edge ip link delete twin
}

case_detach_opens_and_says_so() {
    expect_status 0 pm detach -i eth0
    expect_output unfiltered
    tcp_talks attacker "$EDGE4" 22
    refused grep -q prog/xdp < <(in_ns edge ip -d link show dev eth0)
    expect_equal "" "$(ls "$LAB/bpf/portmatrix" 2>/dev/null || true)" "pins left"
}

case_generic_xdp_enforces_too() {
    expect_status 0 pm apply -i eth0 --xdp generic "$here/edge.yaml"
    expect_equal '"generic"' "$(pm status --json | jq .ingress.mode)" mode
    tls_talks user "$EDGE4" 443
    tls_talks user "$EDGE6" 443
    refused tcp_talks attacker "$EDGE4" 22
    # A live link keeps its XDP mode; the wish is kept for the next attach.
    expect_status 2 pm apply --xdp native "$here/edge.yaml"
    expect_output "eth0 is attached with generic XDP"
    expect_output "portmatrix detach -i eth0"
    expect_status 0 pm apply "$here/edge.yaml"
    expect_status 0 pm detach --all
    expect_status 0 pm restore
    expect_equal '"generic"' "$(pm status --json | jq .ingress.mode)" mode
    expect_status 0 pm detach --all
    expect_status 0 pm apply -i eth0 --xdp auto "$here/edge.yaml"
    expect_equal '"native"' "$(pm status --json | jq .ingress.mode)" mode
    expect_status 0 pm detach --all
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_services
run_cases "$@"
