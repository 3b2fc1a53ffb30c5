#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where the programs cannot be loaded or attached at boot, nftables filters by the confirmed policy. It is
# said everywhere, outlives a flush by others, and goes once the programs filter again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/exporter.sh
. "$here/exporter.sh"
# shellcheck source=tests/e2e/looks.sh
. "$here/looks.sh"
# shellcheck source=tests/e2e/parachute.sh
. "$here/parachute.sh"

case_it_is_made_beside_every_apply() {
    wait_for 20 is_rendered
    pm apply -i eth0 "$(variant other)"
    wait_for 20 is_rendered
    expect_equal other "$(rendered policy)" "policy of the parachute"
    pm rollback
    wait_for 20 is_rendered
    expect_equal contoso-edge "$(rendered policy)" "policy of the parachute after a rollback"
    pm apply --confirm-within 60s "$(variant other)"
    expect_equal contoso-edge "$(rendered policy)" "policy of the parachute while another waits"
    pm confirm
    wait_for 20 is_rendered
    expect_equal other "$(rendered policy)" "policy of the parachute once it is confirmed"
    pm apply "$here/edge.yaml"
    wait_for 20 is_rendered
}

case_bpf_is_refused() {
    boot_without_bpf
    expect_output "the parachute of generation"
    policy_holds
    history_has "is loaded into nftables for eth0"
}

# As by a verifier that says no, or a damaged object; and without memory for a map.
case_no_program_loads() {
    local how
    for how in --load --memory; do
        reboot
        expect_status 1 in_ns edge /usr/bin/python3 "$here/without_bpf.py" "$how" "$PORTMATRIX" restore
        is_loaded
        policy_holds
        expect_status 0 pm restore
        is_gone
    done
}

case_another_program_is_on_the_interface() {
    reboot
    put_stranger eth0
    expect_status 1 pm restore
    expect_output "stranger"
    is_loaded
    policy_holds
    # Once it has gone, restore takes the parachute away, after its own switch.
    remove_stranger eth0
    expect_status 0 pm restore
    expect_output "is removed from nftables"
    is_gone
    policy_holds
    expect_equal enforce "$(status | jq -r .mode)" mode
}

case_it_is_said_everywhere() {
    boot_without_bpf
    pm status | sed -n 1p | grep "^PARACHUTE: nftables filters eth0 by generation"
    status | jq -e 'select(.interface == "eth0") | .mode == "parachute" and .parachute.loaded and
        .drift == "attachment" and .policy.name == "contoso-edge" and (.parachute.why | length > 0)'
    expect_status 1 pm doctor
    head -n 1 <<<"$OUTPUT" | grep "^wrong *parachute *nftables filters eth0"
    lab_start edge exporter "$PORTMATRIX" export --listen 127.0.0.1:9927
    lab_await edge tcp 9927
    wait_for 40 metric_is 1
    in_ns edge curl -sS http://127.0.0.1:9927/status | jq -e '.mode == "parachute"'
    expect_status 0 pm restore
    wait_for 40 metric_is 0
    # It cannot ask nftables, and without watch nobody tells it that the table is still there.
    boot_without_bpf
    wait_for 40 metric_is 1
    in_ns edge nft flush ruleset
    wait_for 40 metric_is 0
    wait_for 20 exporter_tells_of_none
    stop_exporter
    expect_status 0 pm restore
    history_has "is removed from nftables"
}

metric_is() { [ "$(metric portmatrix_parachute)" = "$1" ]; }
exporter_tells_of_none() {
    in_ns edge curl -sS http://127.0.0.1:9927/status | jq -e '.mode == "off" and .parachute.loaded == null'
}

case_the_note_is_not_believed() {
    boot_without_bpf
    in_ns edge nft flush ruleset
    pm status | sed -n 1p | grep "^OPEN: eth0 is filtered by nothing"
    status | jq -e '.mode == "off" and (.parachute.loaded | not)'
    expect_status 1 pm doctor
    expect_output "eth0 is filtered by nothing: it was removed"
    # restore loads it again.
    expect_status 1 pm_without_bpf restore
    policy_holds
}

case_watch_puts_it_back_where_others_flush() {
    boot_without_bpf
    start_watch_under /usr/bin/python3 "$here/without_bpf.py"
    for _ in 1 2 3; do
        in_ns edge nft flush ruleset
        wait_for 20 is_loaded
        policy_holds
    done
    expect_equal 3 "$(parachute_entries "had been removed by others")" losses
    history_has "is loaded again"
    stop_watch TERM
}

case_watch_takes_it_away_when_the_programs_load() {
    boot_without_bpf
    start_watch
    wait_for 20 is_gone
    expect_equal enforce "$(status | jq -r .mode)" mode
    policy_holds
    stop_watch TERM
}

case_watch_loads_it_where_it_cannot_attach() {
    expect_status 0 pm restore
    start_watch
    bpftool link detach pinned "$PORTMATRIX_PIN_DIR/interface-0/ingress"
    put_stranger eth0
    # Whoever came first has the hook.
    if in_ns edge ip -d link show eth0 | grep stranger >/dev/null; then
        wait_for 20 is_loaded
        policy_holds
        remove_stranger eth0
    fi
    wait_for 20 is_gone
    policy_holds
    stop_watch TERM
}

case_only_the_interfaces_without_programs() {
    begin
    lab_wire eth1 198.18.5
    pm apply -i eth1 --force "$here/edge.yaml"
    wait_for 20 is_rendered
    reboot
    put_stranger eth1
    expect_status 1 pm restore
    is_loaded
    status | jq -r '"\(.interface) \(.mode)"' | sort >"$LAB/modes"
    expect_equal "eth0 enforce eth1 parachute" "$(paste -sd' ' "$LAB/modes")" modes
    policy_holds # on eth0, by the programs
    remove_stranger eth1
    expect_status 0 pm restore
    pm apply -i eth1 --force "$here/edge.yaml"
    is_gone
    in_ns edge ip link delete eth1
    begin
}

# An interface that the programs left open by command, and one that only the parachute filters.
case_detach_of_one_interface_leaves_the_other_to_it() {
    begin
    lab_wire eth1 198.18.5
    pm apply -i eth1 --force "$here/edge.yaml"
    wait_for 20 is_rendered
    reboot
    put_stranger eth1
    expect_status 1 pm restore
    expect_status 0 pm detach -i eth0
    is_loaded
    expect_equal eth0 "$(cat "$LAB/run/detached")" "detached"
    tcp_talks attacker "$EDGE4" 22
    # Nothing is in force but the parachute, and watch leaves it at that.
    start_watch_and_hear env
    looks_at_leisure "nftables filters instead of the programs; "
    tcp_talks attacker "$EDGE4" 22
    is_loaded
    # What is put on the open one later is open as well: a VLAN, or here a bridge.
    in_ns edge ip link add br0 type bridge
    in_ns edge ip link set br0 up
    in_ns edge ip link set eth0 master br0
    wait_for 30 tcp_talks attacker "$EDGE4" 22
    in_ns edge ip link delete br0
    remove_stranger eth1
    wait_for 70 is_gone
    expect_equal "eth1" "$(status | jq -r 'select(.mode == "enforce") | .interface' | paste -sd' ')" "what is filtered"
    tcp_talks attacker "$EDGE4" 22
    stop_watch_and_hear
    expect_status 0 pm detach -i eth1
    grep -qx "all interfaces" "$LAB/run/detached"
    is_gone
    in_ns edge ip link delete eth1
    begin
}

# What is loaded in its place stays loaded, until the right one can be.
case_a_fallback_is_not_loaded_again_and_again() {
    local loads
    expect_status 0 pm ban 203.0.113.99
    mv "$LAB/state/bans" "$LAB/bans"
    echo "damaged" >"$LAB/state/bans"
    chmod 600 "$LAB/state/bans"
    boot_without_bpf
    pm status | grep "fallback: the bans cannot be read"
    pm history --json | tail -n 5 | grep "the bans cannot be read" >/dev/null
    loads=$(parachute_entries "is loaded")
    start_watch_and_hear /usr/bin/python3 "$here/without_bpf.py"
    looks_at_leisure "nftables filters instead of the programs; "
    expect_equal "$loads" "$(parachute_entries "is loaded")" "times that it was loaded"
    mv "$LAB/bans" "$LAB/state/bans"
    wait_for 90 history_has "is loaded in place of a parachute of the essentials alone"
    policy_holds
    stop_watch_and_hear
    expect_status 0 pm unban 203.0.113.99
    begin
}

case_without_a_stored_one_it_is_rendered_at_boot() {
    rm -rf "$LAB/state/parachute"
    boot_without_bpf
    policy_holds
    # A damaged one counts as none.
    mkdir -m 700 "$LAB/state/parachute"
    echo '{}' >"$LAB/state/parachute/rendered"
    boot_without_bpf
    policy_holds
}

case_without_a_policy_only_essentials_pass() {
    local folder
    begin
    folder=$LAB/state/generations/$(jq -r .generation "$LAB/state/confirmed.json")
    mv "$folder" "$LAB/away"
    rm -rf "$LAB/state/parachute"
    boot_without_bpf
    refused tcp_talks user "$EDGE4" 22
    in_ns edge ping -n -q -c 1 -W 1 "$USER4" >/dev/null && return 1
    in_ns user ip -6 neigh flush all
    in_ns user ping -n -q -c 1 -W 1 "$EDGE6" >/dev/null && return 1
    wait_for 20 neighbour_is_known
    rm -rf "$folder"
    mv "$LAB/away" "$folder"
    begin
}

case_where_nftables_fails_too_that_is_said_first() {
    reboot
    expect_status 1 in_ns edge setpriv --bounding-set=-net_admin --inh-caps=-net_admin \
        /usr/bin/python3 "$here/without_bpf.py" "$PORTMATRIX" restore
    head -n 1 <<<"$OUTPUT" | grep "THIS HOST MAY BE OPEN"
    refused is_loaded
}

case_detach_takes_it_away() {
    boot_without_bpf
    pm detach --all
    is_gone
    tcp_talks attacker "$EDGE4" 22
    expect_status 0 pm restore
}

case_a_killed_rendering_leaves_the_one_before() {
    local before
    begin
    before=$(sha256sum <"$LAB/state/parachute/rendered")
    pm apply "$(variant later)"
    wait_for 20 is_rendered
    [ "$before" != "$(sha256sum <"$LAB/state/parachute/rendered")" ]
    for call in openat write fsync rename; do
        cp "$LAB/state/parachute/rendered" "$LAB/kept"
        printf '%s\n' '{"layout":1,"generation":1}' >"$LAB/state/parachute/rendered"
        in_ns edge strace -f -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=3+" \
            "$PORTMATRIX" render-parachute || true
        # The one before or the new one, whole.
        [ "$(rendered generation)" = 1 ] || cmp "$LAB/kept" "$LAB/state/parachute/rendered"
        cp "$LAB/kept" "$LAB/state/parachute/rendered"
    done
    pm apply "$here/edge.yaml"
    wait_for 20 is_rendered
}

case_an_audit_has_none() {
    begin
    pm apply --mode audit "$here/edge.yaml"
    reboot
    expect_status 1 pm_without_bpf restore
    is_gone
    expect_status 0 pm restore
    pm apply --mode enforce
}

case_a_flow_that_was_there_before_needs_a_row() {
    local line
    begin
    pm detach --all
    # Without a filter, so that conntrack learns of it.
    in_ns edge nft 'table inet watcher { chain in { type filter hook input priority 0; ct state new counter; }; }'
    tcp_talks attacker "$EDGE4" 22
    rm -rf "$LAB/run"
    coproc TALK { nsenter --net="/run/netns/$LAB_NET-attacker" socat - "TCP:$EDGE4:22"; }
    echo early >&"${TALK[1]}"
    read -r -t 5 line <&"${TALK[0]}"
    expect_equal early "$line" "what came back before"
    expect_status 1 pm_without_bpf restore
    echo late >&"${TALK[1]}"
    refused read -r -t 3 line <&"${TALK[0]}"
    kill "$TALK_PID"
    in_ns edge nft delete table inet watcher
    expect_status 0 pm restore
}

# Nobody can read the maps of another version, whose programs go on.
case_the_programs_of_another_version_are_left_alone() {
    begin
    set_build 99 1
    expect_status 4 pm restore
    expect_output "what is attached is of a newer release (layout 99; this one has"
    is_gone
    policy_holds
    # Nor does the service, which has fewer rights, take them for a stranger's.
    expect_status 0 in_ns edge setpriv --inh-caps=-all \
        --bounding-set=-all,+net_admin,+bpf,+perfmon,+sys_ptrace "$PORTMATRIX" restore --service
    expect_output "what is attached is of a newer release"
    is_gone
    policy_holds
    expect_status 0 pm detach --all --force
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
