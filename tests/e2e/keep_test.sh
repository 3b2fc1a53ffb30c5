#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is in force stays in force, and it is told, where others remove pins or hide them, while `watch`
# runs and while it does not. What a command detached stays detached.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/keeping.sh
. "$here/keeping.sh"
# shellcheck source=tests/e2e/faults.sh
. "$here/faults.sh"
# Those that others see; with PM_FAULTS, as in scripts/test-long, all kinds.
[ -n "${PM_FAULTS:-}" ] || CALLS=${PM_CALLS:-bpf rename mkdir unlink unlinkat}

# COMMAND...: removes pins while watch runs. All comes back, nothing passes meanwhile, and it is told.
removed_by_others() { # SAID COMMAND...
    local before said=$1
    shift
    begin
    before=$(pins_now)
    begin_attack
    behind_its_back "$@"
    wait_for 20 watch_said "$said"
    wait_for 20 has_pins "$before"
    end_attack
    no_drift
    tcp_talks user "$EDGE4" 22
    pm history --json | tail -n 5 | grep "had been removed by others" >/dev/null
    expect_status 0 pm apply
}
# COMMAND...: else watch may make pins again while they are being removed.
behind_its_back() {
    wait_for 20 is_stopped_without_lock
    "$@"
    look_again
}
no_drift() { [ "$(drift | sort -u)" = null ]; }

case_pins_removed_while_the_programs_run() {
    removed_by_others "the pins had been removed by others, and are there again" rm -rf "$PORTMATRIX_PIN_DIR"
}

# The last that holds them ends at once, and makes them again before.
case_pins_removed_while_watch_ends() {
    local watch
    begin
    begin_attack
    watch=$(cat "$LAB/run/watch")
    wait_for 20 is_stopped_without_lock
    rm -rf "$PORTMATRIX_PIN_DIR"
    kill -TERM "$watch"
    look_again
    wait_for 20 test ! -e "/proc/$watch"
    watch_said "the pins had been removed by others, and are there again"
    end_attack
    no_drift
}

# Nobody held them. The first look attaches the interface again, and says what holds after that.
case_pins_of_the_interface_removed_without_watch() {
    begin
    stop_watch KILL
    rm -r "$PORTMATRIX_PIN_DIR/interface-0"
    start_watch
    grep -q "watching: .*in force on eth0$" "$LAB/log/watch"
    ssh_is_closed
    wait_for 20 no_drift
}

case_some_pins_removed_while_the_programs_run() {
    local pin
    for pin in abi images interfaces control interface-0/ingress interface-0/egress_program interface-0/rows ask_in; do
        [ -e "$PORTMATRIX_PIN_DIR/$pin" ] || continue
        removed_by_others "the pins $pin had been removed by others" rm "$PORTMATRIX_PIN_DIR/$pin"
    done
    removed_by_others "interface-0/ingress_program, interface-0/rows had been removed by others" \
        rm -r "$PORTMATRIX_PIN_DIR/interface-0"
}

case_pins_out_of_sight_under_a_mount() {
    begin
    begin_attack
    mount -t bpf -o mode=700 bpf "$LAB/bpf"
    wait_for 20 watch_said "the pins had been removed by others, and are there again"
    end_attack
    no_drift
    umount "$LAB/bpf"
    no_drift
    expect_status 0 pm apply
    ssh_is_closed
}

# Two interfaces, the folder of one of which goes; and the copy that an exchange has made.
case_pins_of_one_interface_removed() {
    begin
    ip link add side netns "$LAB_NET-net" type veth peer name eth1 netns "$LAB_NET-edge"
    expect_status 0 pm apply -i eth1
    removed_by_others "interface-1/ingress_program, interface-1/rows had been removed by others" \
        rm -r "$PORTMATRIX_PIN_DIR/interface-1"
    expect_status 0 pm detach -i eth1
    in_ns edge ip link delete eth1
    expect_status 0 pm apply
}

# Nobody held them: the host is open, until watch starts and says so.
case_pins_removed_without_watch() {
    begin
    stop_watch KILL
    begin_attack
    rm -rf "$PORTMATRIX_PIN_DIR"
    wait_for 20 test -s "$LAB/log/arrived" # the way out may still be filtered, before Linux 6.6
    kill "$attack"
    start_watch
    watch_said "nothing was in force: generation $(jq .generation "$LAB/state/confirmed.json") (contoso-edge) is in force again on eth0"
    ssh_is_closed
    tcp_talks user "$EDGE4" 22
    pm history --json | tail -n 1 | jq -e '.action == "restore" and .outcome == "done"' >/dev/null
}

# The maps cannot be used any more, but the links are there: the policy is put in force by new maps
# before they get other programs.
case_abi_removed_without_watch() {
    local how
    for how in watch restore "apply -i eth0 $here/edge.yaml"; do
        begin
        stop_watch KILL
        begin_attack
        rm "$PORTMATRIX_PIN_DIR/abi"
        # shellcheck disable=SC2086 # words
        if [ "$how" = watch ]; then start_watch; else expect_status 0 pm $how; fi
        end_attack
        no_drift
        [ ! -e "$PORTMATRIX_PIN_DIR/left" ]
        ssh_is_closed
        tcp_talks user "$EDGE4" 22
    done
}

# Whoever takes over is killed, at any call: what was left goes on filtering.
case_a_killed_takeover_leaves_no_open_host() {
    seldom 12 # each is a first attach, which takes a second
    begin
    stop_watch TERM
    begin_attack
    prepare() {
        pm restore 2>"$LAB/log/restore"
        rm "$PORTMATRIX_PIN_DIR/abi"
    }
    judge() {
        [ ! -s "$LAB/log/arrived" ] && expect_status 0 pm restore || return 1
        if [ -e "$PORTMATRIX_PIN_DIR/left" ]; then # killed after the switch
            start_watch
            wait_for 20 test ! -e "$PORTMATRIX_PIN_DIR/left"
            stop_watch TERM
        fi
        no_drift && ssh_is_closed
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" restore
    end_attack
}

# watch is killed while it makes pins again. Before it has pinned the links nobody holds them any more
# but itself; from then on nothing passes.
case_watch_is_killed_while_it_makes_pins_again() {
    local number closed=0 step=24
    [ "$STEP" -gt 1 ] || step=1
    for number in $(seq 10 $step 150); do
        begin
        begin_attack
        kill_watch_at "$number"
        rm -rf "$PORTMATRIX_PIN_DIR"
        kill -CONT "$WATCH"
        wait_for 20 test ! -e "/proc/$WATCH" || break # it has made fewer calls
        links_are_pinned || : >"$LAB/log/arrived"
        if links_are_pinned; then
            closed=$((closed + 1))
            expect_status 0 pm restore
            expect_equal 0 "$(wc -c <"$LAB/log/arrived")" "bytes that passed, killed at bpf $number"
        fi
        kill "$attack"
        wait "$tracer" || true
        start_watch
        wait_for 20 no_drift
        ssh_is_closed
    done
    kill "$attack" "$tracer" 2>/dev/null || true
    echo "# $closed times after the links were pinned again"
    [ "$closed" -gt 0 ]
}
kill_watch_at() { # NUMBER of its calls of bpf from now on
    WATCH=$(cat "$LAB/run/watch")
    kill -STOP "$WATCH"
    strace -o "$LAB/log/strace" -p "$WATCH" -e trace=bpf -e "inject=bpf:signal=KILL:when=$1" 2>"$LAB/log/tracer" &
    tracer=$!
    wait_for 20 grep -q attached "$LAB/log/tracer"
}
links_are_pinned() { [ -e "$PORTMATRIX_PIN_DIR/interface-0/ingress" ] && [ -e "$PORTMATRIX_PIN_DIR/interface-0/rows" ]; }

# What a command detached stays so, with every way of saying it.
case_a_detach_is_not_undone() {
    local way
    for way in "--all" "--all --force" "-i eth0"; do
        begin
        # shellcheck disable=SC2086 # options
        expect_status 0 pm detach $way
        wait_for 20 held_nothing
        stop_watch TERM
        start_watch
        watch_said "watching: nothing is attached"
        [ ! -e "$PORTMATRIX_PIN_DIR/abi" ]
        grep -qx "all interfaces" "$LAB/run/detached"
        expect_status 0 pm restore --service # as the unit that starts again
        [ ! -e "$PORTMATRIX_PIN_DIR/abi" ]
        expect_status 0 pm restore
        [ ! -e "$LAB/run/detached" ]
    done
}

# What boot has put in force in place of a policy that cannot be read.
case_failsafe_rows_are_told_and_replaced() {
    local number policy
    begin
    stop_watch TERM
    number=$(jq .generation "$LAB/state/confirmed.json")
    policy=$LAB/state/generations/$number
    mv "$policy" "$LAB/aside"
    mkdir -m 700 "$policy"
    cp "$LAB/aside/about.json" "$policy"
    pm detach --all
    rm "$LAB/run/detached"
    expect_status 4 pm apply --confirm-within 60s -i eth0 "$here/edge.yaml"
    expect_output "generation $number is confirmed and not in force: after the deadline this host would be open"
    echo damaged >"$policy/about.json"
    expect_status 4 pm apply --confirm-within 60s -i eth0 "$here/edge.yaml"
    expect_output "what is confirmed cannot be read"
    cp "$LAB/aside/about.json" "$policy"
    expect_status 1 pm restore
    start_watch
    watch_said "watching: degraded: essentials and failsafe rows alone are in force"
    rm -r "$policy"
    mv "$LAB/aside" "$policy"
    wait_for 30 watch_said "failsafe rows were in force: generation $number"
    wait_for 20 tcp_talks user "$EDGE4" 22
}

# As one that was killed before it began, or an apply before it ended.
case_a_list_of_what_is_detached_is_corrected() {
    begin
    stop_watch TERM
    printf 'all interfaces\neth0\nother0\n' >"$LAB/run/detached"
    start_watch
    expect_equal other0 "$(cat "$LAB/run/detached")" "detached"
    rm "$LAB/run/detached"
}

# watch keeps no map or program in memory.
held_nothing() { ! find "/proc/$(cat "$LAB/run/watch")/fd" -lname "anon_inode:bpf*" | grep .; }

# Killed at any call, a detach leaves what is in force, or is a detach.
case_a_killed_detach_is_one_or_none() {
    seldom 4
    begin
    prepare() {
        ! is_watching || stop_watch TERM
        pm restore 2>"$LAB/log/restore"
    }
    judge() {
        start_watch
        if [ -e "$LAB/run/detached" ]; then
            expect_equal "" "$(policy_is_enforced && echo enforced)" "detached after $FAULT"
        else
            policy_is_enforced && ssh_is_closed
        fi
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" detach --all
    expect_status 0 pm restore # the last one may have been a detach
}
# Killed at any call, a restore that attaches to one more interface leaves nothing that watch does
# not finish: programs alone filter nothing.
case_a_killed_attachment_is_finished() {
    seldom 4
    begin
    ip link add side netns "$LAB_NET-net" type veth peer name eth1 netns "$LAB_NET-edge"
    expect_status 0 pm apply -i eth1
    prepare() {
        ! is_watching || stop_watch TERM
        pm detach -i eth1 2>"$LAB/log/detach"
        rm -f "$LAB/run/detached"
        expect_equal off "$(pm status --json | jq -r 'select(.interface == "eth1") | .mode')" "mode before"
    }
    judge() {
        start_watch
        expect_equal "enforce enforce" "$(pm status --json | jq -r .mode | paste -sd' ')" "modes after $FAULT"
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" restore
    expect_status 0 pm detach -i eth1
    in_ns edge ip link delete eth1
    expect_status 0 pm apply
}

policy_is_enforced() { [ "$(pm status --json | jq -r .mode)" = enforce ]; }

# The hint of a refusal that names something to execute, as it stands there.
execute_hint() { # FIRST-WORD
    local hint
    hint=$(sed -n "s/.*: \\($1 [^;)]*\\).*/\\1/p" <<<"$OUTPUT" | tail -n 1)
    echo "executes: $hint"
    # shellcheck disable=SC2086 # words
    in_ns edge ${hint/#portmatrix/$PORTMATRIX}
}

# Programs of ours whose pins nobody sees here, and nobody holds but the mount below.
case_own_programs_without_pins_are_not_a_strangers() {
    begin
    stop_watch TERM
    begin_attack
    mount -t bpf -o mode=700 bpf "$LAB/bpf"
    expect_status 1 pm restore
    expect_output "portmatrix's own program 'pm_ingress'"
    expect_output "programs of portmatrix without pins here filter eth0"
    start_watch
    watch_said "portmatrix's own program 'pm_ingress'"
    stop_watch TERM
    expect_status 4 pm apply -i eth0 "$here/edge.yaml"
    expect_output "portmatrix's own program 'pm_ingress'"
    refused grep "xdp off" <<<"$OUTPUT"
    end_attack_unseen
    execute_hint portmatrix
    wait_for 20 tcp_talks attacker "$EDGE4" 22
    expect_status 0 pm restore
    ssh_is_closed
    # The mount may live on in the mount namespace of another process, and what is pinned in it too.
    rm -r "$PORTMATRIX_PIN_DIR"
    umount "$LAB/bpf"
    begin
    no_drift
}
end_attack_unseen() { # no status can be asked
    kill "$attack"
    expect_equal 0 "$(wc -c <"$LAB/log/arrived")" "bytes that passed"
}

case_the_hint_about_a_strangers_program_works() {
    local how
    printf '%s\n' '__attribute__((section("xdp"), used)) int stranger(void *context) { return 2; }' |
        compile_bpf "$LAB/stranger.o"
    begin
    stop_watch TERM
    expect_status 0 pm detach --all
    bpftool prog load "$LAB/stranger.o" "$LAB/bpf/stranger"
    for how in hook link; do
        if [ "$how" = hook ]; then
            in_ns edge bpftool net attach xdp pinned "$LAB/bpf/stranger" dev eth0
        else
            link_xdp eth0 "$LAB/bpf/stranger" "$LAB/bpf/stranger_link"
        fi
        expect_status 1 pm restore
        expect_output "XDP program 'stranger'"
        execute_hint "$([ $how = hook ] && echo ip || echo bpftool)"
        expect_status 0 pm restore
        expect_status 0 pm detach --all
    done
    rm "$LAB/bpf/stranger" "$LAB/bpf/stranger_link"
}

# DEVICE PROGRAM LINK: attaches the pinned program by a link, which is pinned.
link_xdp() {
    in_ns edge /usr/bin/python3 - "$@" <<'END'
import ctypes, os, socket, struct, sys
def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = ctypes.CDLL(None, use_errno=True).syscall(321, command, buffer, 128)
    assert result >= 0, os.strerror(ctypes.get_errno())
    return result
def path(name):
    text = ctypes.create_string_buffer(name.encode())
    kept.append(text)
    return ctypes.addressof(text)
kept = []
program = bpf(7, struct.pack("=QII", path(sys.argv[2]), 0, 0))
link = bpf(28, struct.pack("=IIII", program, socket.if_nametoindex(sys.argv[1]), 37, 0))
bpf(6, struct.pack("=QII", path(sys.argv[3]), link, 0))
END
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
lab_start edge arrived socat -u UDP4-RECV:9999 STDOUT
lab_await edge udp 9999
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
