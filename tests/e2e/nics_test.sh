#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Interfaces that are absent, late, renamed, exchanged or replaced at boot or while the host runs. None of
# them is open for a moment from restore on, and status says what is so. Each case sends datagrams that the
# policy forbids, all the time, and one that it permits.
#
# The interfaces are veths: they have no parent on a bus and no permanent address, so that the address that
# they were given is what they are known by.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/hear.sh
. "$here/hear.sh"
# shellcheck source=tests/e2e/nics.sh
. "$here/nics.sh"
# shellcheck source=tests/e2e/exporter.sh
. "$here/exporter.sh"

case_one_interface_that_was_renamed() {
    unplug wan0
    plug wan0 wan0 $A
    pm apply -i wan0 "$POLICY"
    unplug wan0
    forget_kernel
    plug wan0 ens5 $A
    expect_status 0 pm restore
    expect_output "wan0 is called ens5 now"
    expect_output "is in force on wan0"
    begin_traffic
    raise wan0 ens5
    permitted_passes wan0 renamed
    expect_equal "wan0 enforce name" "$(state_of)" status
    expect_equal ens5 "$(of wan0 .renamed)" "the name that it has now"
    expect_output "$(pm doctor --json -i ens5 | jq -r 'select(.check == "name") | .interface')"
    sleep 0.2
    end_traffic
    nothing_forbidden_passed
}

case_one_of_two_that_was_renamed() {
    confirmed_on_two
    plug wan0 wan0 $A
    plug lan0 ens6 $B
    expect_status 0 pm restore
    expect_output "lan0 is called ens6 now"
    begin_traffic
    raise wan0 wan0
    raise lan0 ens6
    permitted_passes wan0 first
    permitted_passes lan0 second
    expect_equal "wan0 enforce null, lan0 enforce name" "$(state_of)" status
    end_traffic
    nothing_forbidden_passed
}

# Nothing may be silent about it: status, metrics, doctor, history, the state of the unit.
case_one_of_two_that_is_absent_comes_back() {
    confirmed_on_two
    plug wan0 wan0 $A
    expect_status 1 pm restore
    expect_output "is in force on wan0, and lan0 is absent: no device has its name or its hardware address $B"
    expect_status 0 pm restore # the service tries again, and then watches
    expect_output "lan0 is absent"
    begin_traffic
    raise wan0 wan0
    permitted_passes wan0 first
    expect_equal "wan0 enforce null, lan0 off attachment" "$(state_of)" status
    expect_equal "true null null" "$(of lan0 '"\(.absent) \(.ingress) \(.egress)"')" "what is told of lan0"
    pm status | grep -F "absent: no device is it now" >/dev/null
    expect_status 1 pm doctor --json
    jq -es 'any(.check == "attachment" and .interface == "lan0" and .grade == "wrong")' <<<"$OUTPUT" >/dev/null
    start_watch
    watch_said "watching: degraded: lan0 is absent"
    has_history "lan0 is absent"
    expect_equal 1 "$(metric portmatrix_attached interface=wan0 hook=ingress)" "wan0, in"
    expect_equal 0 "$(metric portmatrix_attached interface=lan0 hook=ingress)" "lan0, in"
    expect_equal 0 "$(metric portmatrix_attached interface=lan0 hook=egress)" "lan0, out"
    plug lan0 lan0 $B
    wait_for 20 watch_said "lan0 has appeared, and is attached"
    raise lan0 lan0
    permitted_passes lan0 second
    expect_equal "wan0 enforce null, lan0 enforce null" "$(state_of)" status
    has_history "lan0 has appeared, and is attached"
    end_traffic
    nothing_forbidden_passed
    # It goes while the host runs, and comes under another name.
    begin_traffic
    unplug lan0
    wait_for 20 lan0_is_off
    plug lan0 ens6 $B
    wait_for 20 lan0_is_enforced
    raise lan0 ens6
    permitted_passes lan0 again
    wait_for 20 has_history "lan0 is called ens6 now"
    end_traffic
    nothing_forbidden_passed
    stop_watch TERM
}
lan0_is_off() { [ "$(of lan0 .mode)" = off ]; }
lan0_is_enforced() { [ "$(of lan0 .mode)/$(of lan0 .drift)" = enforce/name ]; }

# How long a device is there before its programs are: the figure is in docs/design.md.
case_a_late_one_is_attached_at_once() {
    local times=""
    confirmed_on_two
    plug wan0 wan0 $A
    expect_status 1 pm restore
    start_watch
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        times+="$(in_ns edge /usr/bin/python3 - "$LAB_NET-user" $B <<'END'
import subprocess, sys, time
subprocess.run(["ip", "link", "add", "lan0", "address", sys.argv[2], "type", "veth", "peer", "name",
                "lan0", "netns", sys.argv[1]], check=True)
begin = time.monotonic()
while True:
    shown = subprocess.run(["ip", "-d", "link", "show", "dev", "lan0"], capture_output=True, text=True).stdout
    if "prog/xdp" in shown:
        break
    assert time.monotonic() - begin < 30, "it is not attached"
print(int((time.monotonic() - begin) * 1000))
END
        ) "
        wait_for 20 lan0_is_whole
        unplug lan0
        wait_for 20 lan0_is_off
    done
    echo "# milliseconds from the device to its programs: $times"
    stop_watch TERM
}
lan0_is_whole() { [ "$(of lan0 .drift)" = null ]; }

# Name and address point to two interfaces of the policy: both get the failsafe rows alone.
case_two_that_were_swapped() {
    confirmed_on_two
    plug wan0 lan0 $A
    plug lan0 wan0 $B
    expect_status 1 pm restore
    expect_output "has the name of wan0 and the hardware address of lan0, two interfaces of the policy: closed"
    begin_traffic
    raise wan0 lan0
    raise lan0 wan0
    permitted_is_dropped wan0 first
    permitted_is_dropped lan0 second
    wait_for 20 failsafe_passes wan0
    expect_equal "wan0 enforce name, lan0 enforce name" "$(state_of)" status
    grep -q "two interfaces of the policy" <<<"$(of wan0 .closed)"
    expect_equal 1 "$(metric portmatrix_closed interface=wan0)" portmatrix_closed
    pm status | grep -F "closed: only essentials and failsafe rows pass" >/dev/null
    pm doctor --json | jq -es 'any(.check == "closed" and .interface == "wan0")' >/dev/null
    expect_status 0 pm explain --from 192.0.2.2:1 --to 192.0.2.1:7 --proto udp -i wan0
    expect_output "the interface is closed"
    start_watch
    watch_said "watching: degraded:"
    has_history "two interfaces of the policy"
    permitted_is_dropped wan0 third
    # An apply says what is what.
    expect_status 0 pm apply
    permitted_passes wan0 applied
    permitted_passes lan0 likewise
    expect_equal "wan0 enforce null, lan0 enforce null" "$(status | jq -rs 'sort_by(.interface) | reverse |
        map("\(.interface) \(.mode) \(.drift)") | join(", ")')" status
    expect_equal "null" "$(of wan0 .closed)" "closed"
    expect_equal 0 "$(metric portmatrix_closed interface=wan0)" portmatrix_closed
    end_traffic
    nothing_forbidden_passed
    stop_watch TERM
}
# USERS_END: the failsafe row of the policy is port 22 of TCP.
failsafe_passes() {
    tcp_talks user "$(network_of "$1").1" 22
}

case_two_that_are_swapped_while_the_host_runs() {
    confirmed_on_two
    plug wan0 wan0 $A
    plug lan0 lan0 $B
    expect_status 0 pm restore
    raise wan0 wan0
    raise lan0 lan0
    begin_traffic
    permitted_passes wan0 before
    start_watch
    swap_names
    wait_for 20 is_said_to_be_closed wan0
    wait_for 20 is_said_to_be_closed lan0
    permitted_is_dropped wan0 during
    swap_names
    wait_for 20 watch_said "wan0 is not closed any more"
    permitted_passes wan0 after
    permitted_passes lan0 likewise
    end_traffic
    nothing_forbidden_passed
    stop_watch TERM
}
is_said_to_be_closed() { [ "$(of "$1" .closed)" != null ]; }

# A card that was replaced has the name, and nobody has the address.
case_one_that_was_replaced() {
    confirmed_on_two
    plug wan0 wan0 $C
    plug lan0 lan0 $B
    expect_status 0 pm restore
    expect_output "wan0 has another hardware address than when it was confirmed: $C, not $A"
    begin_traffic
    raise wan0 wan0
    permitted_passes wan0 replaced
    expect_equal "{\"confirmed\":\"$A\",\"now\":\"$C\"}" "$(of wan0 '.address | tojson')" "the addresses"
    pm doctor --json | jq -es 'any(.check == "address" and .interface == "wan0")' >/dev/null
    start_watch
    wait_for 20 has_history "wan0 has another hardware address"
    # The old one comes after all, under another name: it is the interface, and the other is closed.
    plug lan1 lan1 $A
    wait_for 20 is_said_to_be_closed "wan0:$(index_of wan0)"
    expect_equal lan1 "$(of wan0 .renamed)" "what wan0 is called now"
    permitted_is_dropped wan0 closed
    stop_watch TERM
    end_traffic
    nothing_forbidden_passed
    expect_status 0 pm apply
    expect_output "wan0:$(index_of wan0) is not closed any more: it is no interface of the policy"
    expect_equal '["lan0","lan1"]' "$(status | jq -cs 'map(.interface) | sort')" interfaces
    unplug lan1
}

# There are numbers for 16 interfaces. A device that may not be open and gets none is closed with nftables.
case_one_for_which_there_is_no_number() {
    local number interfaces="-i wan0"
    unplug wan0
    unplug lan0
    forget_kernel
    for number in $(seq 1 15); do
        in_ns edge ip link add "spare$number" type veth peer name "other$number"
        interfaces+=" -i spare$number"
    done
    plug wan0 wan0 $A
    # shellcheck disable=SC2086 # one word an argument
    pm apply $interfaces "$POLICY"
    unplug wan0
    forget_kernel
    plug wan0 wan0 $C # the card was replaced
    expect_status 0 pm restore
    start_watch
    begin_to_hear
    plug lan1 ens9 $A # and is there all the same
    wait_for 20 watch_said "ens9 can be given no programs: closed with nftables until an apply"
    raise lan1 ens9
    in_ns edge nft list table inet portmatrix-closed | grep "iif \"ens9\" drop" >/dev/null
    send_datagrams user 203.0.113.1 9 100
    permitted_is_dropped lan1 closed
    wait_for 20 closing_is_held
    begin_to_send 203.0.113.1
    for _ in 1 2 3 4 5; do
        in_ns edge nft flush ruleset # by others
        wait_for 20 in_ns edge nft list table inet portmatrix-closed
    done
    nothing_forbidden_passed
    grep -q "closed with nftables" <<<"$(of ens9 .closed)"
    stop_watch KILL
    in_ns edge nft flush ruleset
    wait_for 20 heard 9 # then nothing stops them
    kill "$SENDER"
    start_watch
    wait_for 20 closing_is_held
    unplug lan1
    wait_for 20 is_open_again
    wait_for 20 refused closing_is_held
    kill "$HEARER"
    stop_watch TERM
    pm detach --all
    for number in $(seq 1 15); do in_ns edge ip link delete "spare$number"; done
}

# The policy is in force before there is anything to attach it to.
case_all_are_absent() {
    confirmed_on_two
    expect_status 1 pm restore
    expect_output "is in force on no interface, and wan0 is absent"
    expect_status 0 pm restore
    expect_equal "wan0 off attachment, lan0 off attachment" "$(state_of)" status
    start_watch
    watch_said "degraded: wan0 is absent"
    begin_traffic
    plug wan0 wan0 $A
    wait_for 20 watch_said "wan0 has appeared, and is attached"
    raise wan0 wan0
    permitted_passes wan0 late
    plug lan0 lan0 $B
    wait_for 20 watch_said "lan0 has appeared, and is attached"
    raise lan0 lan0
    permitted_passes lan0 later
    expect_equal "wan0 enforce null, lan0 enforce null" "$(state_of)" status
    end_traffic
    nothing_forbidden_passed
    stop_watch TERM
}

# Its number is kept for it, but nobody attaches it and nobody misses it.
case_what_was_detached_by_command_is_not_missed() {
    confirmed_on_two
    plug wan0 wan0 $A
    plug lan0 lan0 $B
    expect_status 0 pm restore
    expect_status 0 pm detach -i lan0
    start_watch
    unplug lan0
    plug lan0 ens6 $B
    in_ns edge ip link add look0 type veth peer name look1 # has it look
    refused wait_for 3 watch_said "appeared"
    refused watch_said "absent"
    expect_equal "wan0 enforce null, lan0 off attachment" "$(state_of)" status
    expect_status 0 pm status
    expect_output "detached by command, and unfiltered: portmatrix apply attaches it again"
    OUTPUT=$(pm doctor || true)
    expect_output "it was detached by command, and is unfiltered"
    in_ns edge ip link delete look0
    stop_watch TERM
}

# A generation that an earlier release has stored knows names alone. The first restore that finds all of its
# interfaces stores what they are known by.
case_a_generation_of_an_earlier_release() {
    local about
    confirmed_on_two
    about=$LAB/state/generations/$(jq .generation "$LAB/state/confirmed.json")/about.json
    jq 'del(.nics, .others)' "$about" >"$LAB/about.json"
    cat "$LAB/about.json" >"$about"
    plug wan0 wan0 $A
    expect_status 1 pm restore
    expect_output "lan0 is absent: no device has its name"
    expect_equal 0 "$(jq '.nics | length' "$about")" "interfaces that are known"
    forget_kernel
    plug lan0 lan0 $B
    expect_status 0 pm restore
    expect_equal "[\"$A\",\"$B\"]" "$(jq -c '.nics | map(.address)' "$about")" "addresses"
}

# confirm stores what is there when it is confirmed.
case_confirm_stores_what_is_there() {
    local about
    confirmed_on_two
    plug wan0 wan0 $A
    plug lan0 lan0 $B
    pm restore
    expect_status 0 pm apply -i wan0 -i lan0 "$POLICY" --confirm-within 100s
    plug lan1 beside0 $C
    expect_status 0 pm confirm
    about=$LAB/state/generations/$(jq .generation "$LAB/state/confirmed.json")/about.json
    expect_equal "[\"$A\",\"$B\"]" "$(jq -c '.nics | map(.address)' "$about")" "addresses"
    jq -e --arg address "$C" 'any(.others[]; .name == "beside0" and .address == $address)' "$about" >/dev/null
    unplug lan1
}

# Nothing is pinned, but something was confirmed: status does not only say that nothing is filtered.
case_what_was_confirmed_and_is_not_in_force() {
    confirmed_on_two
    expect_status 0 pm status
    expect_output "portmatrix restore"
    expect_equal "wan0 off attachment, lan0 off attachment" "$(state_of 2>/dev/null)" status
    expect_equal "portmatrix restore" "$(status 2>/dev/null | jq -rs '.[0].remedy')" remedy
    expect_status 1 pm doctor
    expect_output "was confirmed for it, and is not in force"
}

# If the kernel does not list its interfaces, they are known by their names, and that is said.
case_the_list_of_interfaces_cannot_be_read() {
    confirmed_on_two
    plug wan0 wan0 $A
    plug lan0 lan0 $B
    expect_status 0 in_ns edge strace -f -qq -o /dev/null -e trace=sendto -e inject=sendto:error=EACCES:when=1 \
        "$PORTMATRIX" restore
    expect_output "the interfaces are known by their names alone"
    expect_equal "wan0 enforce null, lan0 enforce null" "$(state_of)" status
}

lab_base
trap 'lab_remove "$LAB"' EXIT
lab_space edge
lab_space user
lab_echo edge 22
lab_await edge tcp 22
in_ns edge ip link set lo up
lab_start edge export "$PORTMATRIX" export
lab_await edge tcp 9927
POLICY=$LAB/policy.yaml
cat >"$POLICY" <<'END'
policy: nics
edge:
  host: [192.0.2.1, 198.51.100.1, 203.0.113.1]
peers:
  users: [192.0.2.2, 198.51.100.2, 203.0.113.2]
failsafe:
  - { id: ssh, transport: tcp, source: users, destination: host, port: 22 }
matrix:
  - { id: echo, transport: udp, source: users, destination: host, port: 7 }
END
run_cases "$@"
