#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# watch attaches again what others remove, attaches interfaces that come late, and settles a deadline that
# has passed. Enforcement does not depend on it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/looks.sh
. "$here/looks.sh"

LINK() { echo "$PORTMATRIX_PIN_DIR/interface-0/$1"; }
no_drift() { [ "$(drift)" = null ]; }

# Removes a program as others would. Before Linux 6.6 egress is a filter of a qdisc, not a link.
remove() { # HOOK
    if [ -e "$(LINK "$1")" ]; then
        bpftool link detach pinned "$(LINK "$1")"
    else
        in_ns edge tc qdisc delete dev eth0 clsact
    fi
}

is_watching() { [ -s "$LAB/run/watch" ] && [ -e "/proc/$(cat "$LAB/run/watch")" ]; }

case_it_watches_and_there_is_one() {
    start_watch
    watch_said "in force on eth0"
    expect_status 1 pm watch
    expect_output "(pid $(cat "$LAB/run/watch")) is watching already"
}

case_a_detached_link_is_attached_again() {
    local hook
    for hook in ingress egress; do
        remove "$hook"
        wait_for 20 watch_said "$hook of eth0 had been removed by others, and is attached again"
        no_drift
        ssh_is_closed
        tcp_talks user "$EDGE4" 22
    done
    pm history --json | grep '"action":"attach"' >/dev/null
}

case_an_interface_that_goes_and_comes_back() {
    local packets
    packets=$(row_count ssh-admins packets_in)
    in_ns edge ip link delete eth0
    ip link add edge netns "$LAB_NET-net" type veth peer name eth0 netns "$LAB_NET-edge"
    wait_for 20 no_drift
    in_ns net ip link set edge master br0 up
    in_ns edge ip link set eth0 up
    in_ns edge ip address add "$EDGE4/32" dev eth0
    in_ns edge ip route add default dev eth0
    for name in user attacker; do in_ns $name ip neighbour flush all; done # its MAC is another
    wait_for 20 tcp_talks user "$EDGE4" 22
    ssh_is_closed
    [ "$(row_count ssh-admins packets_in)" -gt "$packets" ]
}

case_an_interface_in_another_namespace_stays_filtered() {
    local from to
    ip netns add "$LAB_NET-away"
    while read -r from to; do
        in_ns "$from" ip link set eth0 netns "/run/netns/$LAB_NET-$to"
        in_ns "$to" ip link set eth0 up
        in_ns "$to" ip address add "$EDGE4/32" dev eth0
        in_ns "$to" ip route add default dev eth0
        is_listening "$to" tcp 22 || lab_echo "$to" 22
        wait_for 20 tcp_talks user "$EDGE4" 22
        ssh_is_closed
    done <<<$'edge away\naway edge'
    wait_for 20 no_drift # a filter of clsact was left behind, and is attached again
}

case_a_renamed_interface_stays_filtered() {
    in_ns edge ip link set eth0 down
    in_ns edge ip link set eth0 name wan0
    in_ns edge ip link set wan0 up
    in_ns edge ip route replace default dev wan0
    wait_for 20 tcp_talks user "$EDGE4" 22
    ssh_is_closed
    in_ns edge ip link set wan0 down
    in_ns edge ip link set wan0 name eth0
    in_ns edge ip link set eth0 up
    in_ns edge ip route replace default dev eth0
    wait_for 20 tcp_talks user "$EDGE4" 22
    ssh_is_closed
    no_drift
}

case_an_expired_confirm_is_settled_and_told() {
    sed 's/contoso-edge/open/; s/admins: .*/admins: any/' "$here/edge.yaml" >"$LAB/open.yaml"
    expect_status 0 pm apply "$LAB/open.yaml" --confirm-within $((3 * SLOW))s
    tcp_talks attacker "$EDGE4" 22
    wait_for 20 watch_said "was not confirmed in time and is rolled back"
    ssh_is_closed
    pm history --json | grep '"action":"expire"' | grep '"user":"-"' >/dev/null
}

case_commands_and_watch_do_not_get_in_each_others_way() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        expect_status 0 pm apply
        expect_status 0 pm ban 198.51.100.99
        expect_status 0 pm unban 198.51.100.99
    done
}

case_the_state_of_attachment_is_kept_where_an_exporter_reads_it() {
    wait_for 20 is_newer "$(checked)"
}

case_killed_it_leaves_everything_as_it_is() {
    stop_watch KILL
    ssh_is_closed
    tcp_talks user "$EDGE4" 22
    bpftool link detach pinned "$(LINK ingress)"
    [ "$(drift)" = attachment ]
    start_watch
    wait_for 20 no_drift
    ssh_is_closed
}

case_an_interface_that_appears_late() {
    stop_watch TERM
    # The second interface was there when it was confirmed, and is not at boot.
    in_ns edge ip link add late0 type veth peer name late1
    expect_status 0 pm apply -i late0
    pm detach --all
    in_ns edge ip link delete late0
    expect_status 1 pm restore
    expect_output "late0 is absent"
    expect_equal '["eth0","late0"]' "$(pm status --json | jq -cs 'map(.interface)')" interfaces
    expect_equal '["enforce","off"]' "$(pm status --json | jq -cs 'map(.mode)')" modes
    start_watch
    watch_said "watching: degraded: late0 is absent"
    in_ns edge ip link add late0 type veth peer name late1
    wait_for 20 watch_said "late0 has appeared, and is attached"
    expect_equal '["eth0","late0"]' "$(pm status --json | jq -cs 'map(.interface)')" interfaces
    expect_equal '["enforce","enforce"]' "$(pm status --json | jq -cs 'map(.mode)')" modes
}

case_what_was_detached_by_command_stays_detached() {
    expect_status 0 pm detach -i late0
    expect_equal late0 "$(cat "$LAB/run/detached")" "detached"
    in_ns edge ip link add other0 type veth peer name other1 # has it look
    looked_at
    expect_equal '["enforce","off"]' "$(pm status --json | jq -cs 'map(.mode)')" modes
    # This holds until a policy is put in force on it again.
    expect_status 0 pm apply -i late0
    [ ! -e "$LAB/run/detached" ]
    bpftool link detach pinned "$PORTMATRIX_PIN_DIR/interface-1/ingress"
    wait_for 20 watch_said "ingress of late0 had been removed by others"
}

# Waits until watch has looked twice.
looked_at() {
    local before
    for _ in 1 2; do
        before=$(checked)
        wait_for 20 is_newer "$before"
    done
}
checked() { bpftool -j map lookup pinned "$PORTMATRIX_PIN_DIR/interfaces" key 0 0 0 0 | jq -c .value[24:]; }
is_newer() { [ "$(checked)" != "$1" ]; }

# An interface that a deadline has left open still has our programs. Neither watch nor the exporter may call
# it filtered.
case_an_interface_that_is_open_is_not_said_to_be_in_force() {
    expect_status 0 pm detach -i late0
    expect_status 0 pm apply -i late0 --confirm-within 1s
    wait_for 20 watch_said "is rolled back; late0 is now unfiltered"
    expect_equal '["enforce","off"]' "$(pm status --json | jq -cs 'map(.mode)')" modes
    stop_watch TERM
    start_watch
    grep -qx "portmatrix: watching: in force on eth0" "$LAB/log/watch"
    lab_start edge export "$PORTMATRIX" export --listen 127.0.0.1:9927
    lab_await edge tcp 9927
    in_ns edge curl -s http://127.0.0.1:9927/metrics >"$LAB/metrics"
    grep -q 'portmatrix_attached{interface="eth0",hook="ingress"} 1' "$LAB/metrics"
    grep -q 'portmatrix_attached{interface="late0",hook="ingress"} 0' "$LAB/metrics"
    grep -q 'portmatrix_attached{interface="late0",hook="egress"} 0' "$LAB/metrics"
    expect_status 0 pm apply -i late0
    expect_equal '["enforce","enforce"]' "$(pm status --json | jq -cs 'map(.mode)')" modes
}

# After an upgrade the new program takes over, in the same process.
case_a_newer_program_takes_its_place() {
    local pid
    stop_watch TERM
    cp "$PORTMATRIX" "$LAB/portmatrix"
    PORTMATRIX=$LAB/portmatrix start_watch
    pid=$(cat "$LAB/run/watch")
    cp "$PORTMATRIX" "$LAB/portmatrix.new"
    mv "$LAB/portmatrix.new" "$LAB/portmatrix"
    wait_for 20 watch_said "$LAB/portmatrix was replaced: starting anew"
    wait_for 20 watches_again
    expect_equal "$LAB/portmatrix" "$(readlink "/proc/$pid/exe")" "what runs"
    remove ingress
    wait_for 20 watch_said "ingress of eth0 had been removed by others"
    expect_equal "$pid" "$(cat "$LAB/run/watch")" pid
}
watches_again() { [ "$(grep -c "watching:" "$LAB/log/watch")" -eq 2 ]; }

case_a_foreign_program_is_told_once_and_left_alone() {
    printf '%s\n' '__attribute__((section("xdp"), used)) int stranger(void *context) { return 2; }' |
        compile_bpf "$LAB/stranger.o"
    stop_watch TERM
    bpftool link detach pinned "$(LINK ingress)"
    in_ns edge ip link set dev eth0 xdp obj "$LAB/stranger.o" sec xdp
    start_watch
    watch_said "XDP program 'stranger'"
    [ "$(drift | head -n 1)" = attachment ]
    in_ns edge ip link set dev eth0 xdp off
    wait_for 20 watch_said "attached again"
}

# An interface to which nothing can be attached, and pins that nobody may read.
case_what_is_tried_in_vain_wakes_nobody() {
    stop_watch TERM
    bpftool link detach pinned "$(LINK ingress)"
    in_ns edge ip link set dev eth0 xdp obj "$LAB/stranger.o" sec xdp
    start_watch_and_hear env
    looks_at_leisure "nftables filters instead of the programs; eth0: cannot attach to eth0: XDP program 'stranger'"
    in_ns edge ip link set dev eth0 xdp off
    wait_for 20 is_well_again # the parachute has gone too
    chmod 0777 "$PORTMATRIX_PIN_DIR"
    wait_for 20 watch_said "the pins cannot be read: "
    looks_at_leisure "the pins cannot be read: "
    chmod 0700 "$PORTMATRIX_PIN_DIR"
    wait_for 20 is_well_again
    stop_watch_and_hear
    start_watch
}
is_well_again() { last_status | grep -x "STATUS=in force on eth0, late0"; }

# A reboot before the next change would have lifted what it named.
case_a_lost_list_of_bans_is_written_again_and_told_once() {
    ! is_watching || stop_watch TERM # of the case before
    start_watch_and_hear env
    expect_status 0 pm ban 198.51.100.9
    await_two_looks
    rm "$LAB/state/bans"
    wait_for 20 test -e "$LAB/state/bans"
    pm bans --json | jq -se 'length == 1 and .[0].listed and .[0].owner == "unknown"' >/dev/null
    wait_for 20 watch_said "warning: a ban of addresses in force is not in the list"
    await_two_looks
    expect_equal 1 "$(grep -c "not in the list" "$LAB/log/watch")" "times that it is told"
    expect_equal 1 "$(pm history --json | jq -s '[.[] | select(.action == "ban" and .user == "-" and (.message | contains("not in the list")))] | length')" "entries"
    # The whole folder.
    mv "$LAB/state" "$LAB/away"
    wait_for 20 test -e "$LAB/state/bans"
    rm -r "$LAB/state"
    mv "$LAB/away" "$LAB/state"
    stop_watch_and_hear
    expect_status 0 pm unban 198.51.100.9
}
await_two_looks() {
    local before
    before=$(looks)
    wait_for 30 has_looked $((before + 2))
}

# The newest time that this host has seen goes on here, in place of its clock.
case_a_row_ends_with_its_day_and_what_began_before_goes_on() {
    local day
    ! is_watching || stop_watch TERM # of the case before
    start_watch
    lab_echo edge 8080
    lab_await edge tcp 8080
    day=$(date -u -d '2 days' +%F)
    expect_status 0 pm apply "$(edited_policy dated "\$a matrix:\n  - { id: visit-in, transport: tcp, source: any, destination: access, port: 8080, ticket: CHG-7, expires: $day }")"
    expect_output "row 'visit-in' expires soon: its last day is $day (UTC)"
    expect_status 0 pm apply "$LAB/dated.yaml"
    expect_output "nothing changed"
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-user" socat - "TCP:$EDGE4:8080"; }
    # shellcheck disable=SC2153 # set by coproc
    talk=$TALK_PID to=${TALK[1]} from=${TALK[0]}
    answers
    expect_equal '["CHG-7",false]' "$(visit)" "before"
    date -u -d "$day + 1 day" +%s >"$LAB/state/newest-time"
    wait_for 20 watch_said "dates of rows are held against another time now: "
    refused tcp_talks user "$EDGE4" 8080
    answers
    expect_status 0 pm ban 198.51.100.99 # each flow is judged anew
    expect_status 0 pm unban 198.51.100.99
    answers
    expect_equal '["CHG-7",true]' "$(visit)" "after"
    expect_status 0 pm status
    expect_output "1 row has expired: visit-in ($day)"
    expect_status 0 pm explain --from "$USER4:40000" --to "$EDGE4:8080" --proto tcp
    expect_output "row 'visit-in' would permit it, but its last day was $day"
    watch_said "the clock is behind"
    # The boot that a wrong clock would have used.
    pm detach --all
    expect_status 0 pm restore
    refused tcp_talks user "$EDGE4" 8080
    rm "$LAB/state/newest-time"
    wait_for 20 tcp_talks user "$EDGE4" 8080
    kill "$talk"
    expect_status 0 pm apply "$here/edge.yaml"
    stop_watch TERM
}
answers() {
    local answer
    echo matrix >&"$to"
    read -r -t $((10 * SLOW)) answer <&"$from" || return 1
    expect_equal matrix "$answer" "what the connection says back"
}
visit() { pm status --json | jq -c '.rows[] | select(.id == "visit-in") | [.ticket, .expired]' | head -n 1; }

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
