#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A release takes over what an older one has attached, whose maps have another layout: under traffic, with
# no open moment, and with all flows. tests/layouts has the programs of the older releases.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/line.sh
. "$here/line.sh"
# shellcheck source=tests/e2e/keeping.sh
. "$here/keeping.sh"
# shellcheck source=tests/e2e/parachute.sh
. "$here/parachute.sh"
# shellcheck source=tests/e2e/layouts.sh
. "$here/layouts.sh"

# COMMAND...: changes the layout while an attack, pings and a connection go on.
under_traffic() {
    local packets flows
    begin_attack
    open_line
    packets=$(row_count ssh-admins packets_in)
    flows=$(row_count ssh-admins flows)
    begin_pings
    "$@"
    end_pings
    close_line
    end_attack
    [ "$(row_count ssh-admins packets_in)" -gt "$packets" ]
    expect_equal "$flows" "$(row_count ssh-admins flows)" "flows of the row"
    expect_equal "$(program_of ingress)" "$(attached_program)" "program on the interface"
    expect_equal "" "$(leftovers)" "pins left"
}

case_what_an_older_release_attached_is_taken_over() {
    local layout how
    local -a ways=("restore" "apply $here/edge.yaml" "ban 192.0.2.200" "detach -i eth1")
    for layout in "$ROOT"/tests/layouts/*.o.xz; do
        [ "$layout" = "$OLDEST" ] || ways=("restore") # each takes over by the same steps
        for how in "${ways[@]}"; do
            age "$layout"
            expect_status 1 pm status
            expect_output "it goes on filtering; to take it over, or to see why that fails: portmatrix restore"
            # shellcheck disable=SC2086 # words
            under_traffic_of_older pm $how
            expect_equal "$VERSION" "$(abi)" "layout"
            expect_equal contoso-edge "$(policy_in_force)" "in force"
            expect_equal null "$(drift)" drift
        done
    done
    pm unban 192.0.2.200
}
# The older release is asked nothing, since its command is not at hand.
under_traffic_of_older() {
    open_line
    begin_pings
    "$@" >"$LAB/log/out" 2>&1 || [ "$2" = detach ] || { cat "$LAB/log/out"; return 1; }
    end_pings
    close_line
    refused tcp_talks attacker "$EDGE4" 22
    expect_equal "$(program_of ingress)" "$(attached_program)" "program on the interface"
    expect_equal "" "$(leftovers)" "pins left"
}

# As if every map had changed.
case_flows_and_counters_survive_a_layout_in_which_all_has_changed() {
    under_traffic copied
}
copied() {
    relayout copy $((VERSION + 1))
    expect_status 1 pm status
    relayout copy "$VERSION"
}

case_a_pending_policy_stays_pending() {
    expect_status 0 pm apply --confirm-within 60s "$(variant pending)"
    age "$OLDEST"
    expect_status 0 pm confirm
    expect_equal pending "$(policy_in_force)" "in force"
    expect_status 0 pm rollback
    expect_equal contoso-edge "$(policy_in_force)" "in force"
    expect_status 0 pm apply --confirm-within 3s "$(variant pending)"
    age "$OLDEST"
    wait_for 20 policy_was_taken_back
}
policy_was_taken_back() { pm restore >/dev/null 2>&1; policy_is contoso-edge; }

case_bans_stay() {
    pings attacker "$EDGE4" 1
    pm ban "$ATTACKER4"
    age "$OLDEST"
    refused pings attacker "$EDGE4" 1
    expect_status 0 pm restore
    refused pings attacker "$EDGE4" 1
    expect_status 0 pm unban "$ATTACKER4"
    pings attacker "$EDGE4" 1
}

case_watch_takes_over() {
    age "$OLDEST"
    begin_attack_on_older
    start_watch
    wait_for 20 watch_said "what an older portmatrix had attached (layout ${OLDEST_VERSION}) is taken over"
    wait_for 20 watch_said "watching: in force on eth0"
    end_attack
    stop_watch TERM
    pm history --json | tail -n 5 | grep "is taken over" >/dev/null
}

# An interface that comes is closed by the parachute, which outlives a flush. Pins that others remove are made
# again.
case_watch_guards_what_it_cannot_take_over() {
    local pins
    wire_late
    wait_for 20 tcp_talks user 198.51.100.1 22
    expect_status 0 pm apply -i late0 --force # its address is in no role
    in_ns edge ip link delete late0
    age "$OLDEST"
    pins=$(pins_but_late)
    begin_attack_on_older
    start_watch_under /usr/bin/python3 "$here/without_bpf.py" --load
    watch_said "cannot take over what an older portmatrix has attached (layout $OLDEST_VERSION)"
    wire_late
    wait_for 20 is_loaded
    late_is_closed
    in_ns edge nft flush ruleset
    wait_for 20 is_loaded
    late_is_closed
    rm -rf "$PORTMATRIX_PIN_DIR" 2>/dev/null || true # it may be there again already
    wait_for 20 has_pins_but_late "$pins"
    wait_for 20 watch_said "had been removed by others, and are there again"
    rm -r "$PORTMATRIX_PIN_DIR"/{images,ask_in,interface-0} 2>/dev/null || true
    wait_for 20 has_pins_but_late "$pins"
    stop_watch TERM
    start_watch
    wait_for 20 watch_said "is taken over"
    wait_for 20 is_gone
    late_is_closed
    end_attack
    stop_watch TERM
    expect_status 0 pm detach -i late0
    in_ns edge ip link delete late0
    expect_equal "" "$(leftovers)" "pins left"
}
# Links whose device has gone are not made again.
pins_but_late() { pins_now | grep -v 'interface-1/[ine]*gress$'; }
has_pins_but_late() { [ "$(pins_but_late)" = "$1" ]; } # LIST

# The programs would meet an empty map in its place, by which nothing is in force.
case_a_map_that_is_missing_is_not_made_anew() {
    local map
    for map in control images assured; do
        age "$OLDEST"
        cp_pin "$map"
        rm "$PORTMATRIX_PIN_DIR/$map"
        expect_status 1 pm restore
        expect_output "cannot take over what an older portmatrix has attached (layout $OLDEST_VERSION)"
        refused tcp_talks attacker "$EDGE4" 22
        mv "$PORTMATRIX_PIN_DIR/kept" "$PORTMATRIX_PIN_DIR/$map"
        expect_status 0 pm restore
    done
}
cp_pin() { bpftool map pin pinned "$PORTMATRIX_PIN_DIR/$1" "$PORTMATRIX_PIN_DIR/kept"; }

# Likewise one that is to be copied.
case_a_map_that_is_missing_is_not_copied_from_nothing() {
    cp_pin control
    rm "$PORTMATRIX_PIN_DIR/control"
    expect_status 1 relayout copy $((VERSION + 1)) control
    expect_output "the map 'control' is not pinned"
    expect_equal "$VERSION" "$(abi)" "layout"
    refused tcp_talks attacker "$EDGE4" 22
    mv "$PORTMATRIX_PIN_DIR/kept" "$PORTMATRIX_PIN_DIR/control"
    relayout copy $((VERSION + 1)) control
    relayout copy "$VERSION" control
    expect_equal contoso-edge "$(policy_in_force)" "in force"
}

# VERSION MAP...: a takeover that is killed when its maps are those that count, and before all programs use
# them.
copy_halfway() {
    refused in_ns edge strace -f -o "$LAB/log/strace" -e trace=rename -e inject=rename:signal=KILL:when=2 \
        "$RELAYOUT" copy "$@" 2>/dev/null
    expect_equal "$1" "$(abi)" "layout halfway"
    [ -e "$PORTMATRIX_PIN_DIR/layout-$1" ]
}

# The release after the next one finishes first what that of between had begun.
case_a_takeover_by_a_third_release() {
    local flows=(outside opening assured)
    open_line
    copy_halfway $((VERSION + 1)) "${flows[@]}"
    relayout copy $((VERSION + 2)) "${flows[@]}"
    line_echoes third
    expect_equal "" "$(leftovers)" "pins left"
    relayout copy "$VERSION" "${flows[@]}"
    close_line
    expect_equal "$(program_of ingress)" "$(attached_program)" "program on the interface"
}

# What was made by then goes again: it would need memory, and readers would wait for a takeover that nobody
# does.
case_a_takeover_that_fails_leaves_nothing() {
    local how
    age "$OLDEST"
    for how in --load --memory; do
        expect_status 1 in_ns edge /usr/bin/python3 "$here/without_bpf.py" "$how" "$PORTMATRIX" restore
        expect_output "cannot take over what an older portmatrix has attached (layout $OLDEST_VERSION)"
        expect_equal "" "$(leftovers)" "pins left"
        refused tcp_talks attacker "$EDGE4" 22
    done
    # The service comes to `watch`, which guards it.
    expect_status 0 in_ns edge /usr/bin/python3 "$here/without_bpf.py" --load "$PORTMATRIX" restore --service
    expect_output "cannot take over what an older portmatrix has attached (layout $OLDEST_VERSION)"
    expect_status 0 pm restore
}

# Nobody goes on with it, so `status` says so at once. It waits while somebody does.
case_a_reader_waits_for_a_takeover_that_goes_on() {
    relayout copy $((VERSION + 1)) control
    copy_halfway "$VERSION" control
    expect_status 1 in_ns edge strace -f -o "$LAB/log/strace" -e trace=clock_nanosleep "$PORTMATRIX" status
    expect_output "what is attached is being taken over from another layout"
    refused grep clock_nanosleep "$LAB/log/strace"
    exec 9<"$LAB/run/lock"
    flock 9
    expect_status 1 in_ns edge strace -f -o "$LAB/log/strace" -e trace=clock_nanosleep "$PORTMATRIX" status
    expect_output "what is attached is being taken over from another layout"
    [ "$(grep -c clock_nanosleep "$LAB/log/strace")" -ge 60 ]
    exec 9<&-
    expect_status 0 pm restore
    expect_status 0 pm status
}

# Halfway, each way to detach leaves nothing.
case_detached_halfway() {
    local how
    for how in "-i eth0" --all "--all --force"; do
        relayout copy $((VERSION + 1)) control
        copy_halfway "$VERSION" control
        # shellcheck disable=SC2086 # words
        expect_status 0 pm detach $how
        tcp_talks attacker "$EDGE4" 22
        expect_equal "" "$(in_ns edge tc filter show dev eth0 egress 2>/dev/null)" "filters left"
        expect_status 0 pm apply -i eth0 "$here/edge.yaml"
        expect_equal "" "$(leftovers)" "pins left"
    done
}

# The service has no CAP_SYS_ADMIN, without which the kernel does not tell names of programs.
case_the_service_takes_over_with_its_rights_alone() {
    age "$OLDEST"
    in_ns edge setpriv --bounding-set -sys_admin "$PORTMATRIX" restore --service
    expect_equal null "$(drift)" drift
    expect_equal "$(program_of ingress)" "$(attached_program)" "program on the interface"
    expect_equal "" "$(leftovers)" "pins left"
}

# Others removed the pins of an interface's programs. Its links still run them.
case_links_without_pins_of_programs_get_new_programs() {
    age "$OLDEST"
    rm "$PORTMATRIX_PIN_DIR"/interface-0/{rows,egress_program,ingress_program}
    expect_status 0 pm restore
    expect_equal "$(program_of ingress)" "$(attached_program)" "program on the interface"
    refused tcp_talks attacker "$EDGE4" 22
    tcp_talks user "$EDGE4" 22
    expect_status 0 pm apply
}

# Nobody knows how its maps are to be read. It goes on filtering, and can be detached.
case_a_layout_that_is_too_old() {
    relayout age "$LAB/$(basename "$OLDEST" .xz)" $((OLDEST_VERSION - 1))
    expect_status 1 pm restore
    expect_output "what is attached has layout $((OLDEST_VERSION - 1)); the oldest that this portmatrix can take over is $OLDEST_VERSION"
    refused tcp_talks attacker "$EDGE4" 22
    expect_status 0 pm detach --all --force
    expect_output "eth0 is now unfiltered"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
}

case_an_older_layout_can_be_detached() {
    age "$OLDEST"
    expect_status 0 pm detach --all
    expect_output "eth0 is now unfiltered"
    tcp_talks attacker "$EDGE4" 22
    expect_equal "" "$(in_ns edge tc filter show dev eth0 egress 2>/dev/null)" "filters left"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
}

# Each program holds some 40 descriptors while it is loaded: not all of them at once.
case_a_takeover_of_many_interfaces_needs_no_more_descriptors() {
    local i
    local -a interfaces=()
    for i in {1..4}; do
        in_ns edge ip link add "more$i" type veth peer name "else$i"
        interfaces+=(-i "more$i")
    done
    expect_status 0 pm apply "${interfaces[@]}" "$here/edge.yaml"
    age "$OLDEST"
    in_ns edge prlimit --nofile=256:256 "$PORTMATRIX" restore
    expect_equal 5 "$(pm status --json | jq -s 'map(select(.drift == null)) | length')" "interfaces without drift"
    for i in {1..4}; do in_ns edge ip link delete "more$i"; done
    expect_status 0 pm detach --all
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
}

layouts_begin
run_cases "$@"
