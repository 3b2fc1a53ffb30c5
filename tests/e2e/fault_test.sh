#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A command is killed at one system call after the other, or the call fails. Whichever call it was:
# - the policy in force is the old one or the new one, whole, on both hooks;
# - the host is never open;
# - the next command works.
#
# PM_FAULTS=N tries every Nth system call, but at least one of each kind (default 25; 1: all of them).
# PM_ERRORS names the errors that calls end with (default: one for each command).
# PM_CALLS names the kinds of calls (default: those that change or acquire something).
# shellcheck disable=SC2317 # prepare and judge are called by with_every_fault
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/faults.sh
. "$here/faults.sh"

# Our own pins only: ip and tc create folders in any bpffs that they find.
pins() { find "$LAB/bpf" -path "$LAB/bpf/portmatrix*" | sort; }

is_closed() {
    refused tcp_refused_port
    pings user "$EDGE4" 1
}

is_attached() { in_ns edge ip -d link show dev eth0 | grep prog/xdp >/dev/null; }

# Asks the programs by a packet that no row permits. A dropped SYN gets neither a SYN-ACK nor an RST.
tcp_refused_port() {
    in_ns attacker nmap -n -Pn -sS --max-retries 0 --host-timeout 2s -p 8080 "$EDGE4" |
        grep -Eq '8080/tcp +(open|closed)'
}

# The newest confirmed generation: boot may take failsafe rows from it.
newest_confirmed() { find "$LAB/state/generations" -name '*[0-9]' -printf '%f\n' | sort -n | tail -n 1; }

case_apply_is_killed() {
    prepare() { expect_status 0 pm apply "$LAB/old.yaml"; }
    judge() {
        case $(policy_in_force) in old | new) ;; *) return 1 ;; esac
        is_closed && expect_status 0 pm apply "$LAB/old.yaml" &&
            expect_equal "$PINS" "$(pins)" "pins after $FAULT"
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" apply "$LAB/new.yaml"
}

case_apply_is_refused_a_call() {
    prepare() { expect_status 0 pm apply "$LAB/old.yaml"; }
    # Either the command says what went wrong, or the error did not matter.
    judge() {
        is_closed || return 1
        if [ "$STATUS" -ne 0 ]; then
            expect_equal old "$(policy_in_force)" "in force after $FAULT" &&
                expect_equal old "$(jq -r .policy "$LAB/state/generations/$(
                    jq .generation "$LAB/state/confirmed.json")/about.json")" "confirmed" &&
                expect_equal "$(jq .generation "$LAB/state/confirmed.json")" \
                    "$(newest_confirmed)" "newest generation after $FAULT"
        else
            expect_equal new "$(policy_in_force)" "in force after $FAULT"
        fi
    }
    with_every_error ENOSPC "$PORTMATRIX" apply "$LAB/new.yaml"
}

case_confirm_is_killed() {
    prepare() {
        expect_status 0 pm apply "$LAB/old.yaml"
        expect_status 0 pm apply "$LAB/new.yaml" --confirm-within 100s
    }
    judge() {
        expect_equal new "$(policy_in_force)" "in force" && is_closed || return 1
        if pm status --json | jq -e .pending_confirm >/dev/null; then
            expect_status 0 pm confirm
        fi
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" confirm
}

case_a_call_of_confirm_is_refused() {
    prepare() {
        expect_status 0 pm apply "$LAB/old.yaml"
        expect_status 0 pm apply "$LAB/new.yaml" --confirm-within 100s
    }
    judge() {
        local pending confirmed
        expect_equal new "$(policy_in_force)" "in force" && is_closed || return 1
        pending=$(pm status --json | jq '.pending_confirm != null')
        confirmed=$(jq -r .policy "$LAB/state/generations/$(
            jq .generation "$LAB/state/confirmed.json")/about.json")
        if [ "$STATUS" -ne 0 ]; then
            expect_equal "true old" "$pending $confirmed" "pending after $FAULT" || return 1
            expect_status 0 pm confirm
        else
            expect_equal "false new" "$pending $confirmed" "pending after $FAULT"
        fi
    }
    with_every_error EIO "$PORTMATRIX" confirm
}

case_rollback_is_killed() {
    prepare() {
        expect_status 0 pm apply "$LAB/old.yaml"
        expect_status 0 pm apply "$LAB/new.yaml"
    }
    judge() { # a rollback goes to the other policy, whichever is in force
        local before
        before=$(policy_in_force)
        case $before in old | new) ;; *) return 1 ;; esac
        is_closed && expect_status 0 pm rollback && [ "$(policy_in_force)" != "$before" ]
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" rollback
}

case_restore_is_killed() {
    seldom 6 # each is a first attach, which takes a second
    expect_status 0 pm apply "$LAB/old.yaml"
    prepare() { pm detach --all; }
    judge() { # at the latest the next restore puts it in force
        expect_status 0 pm status && expect_status 0 pm restore || return 1
        expect_equal old "$(policy_in_force)" "in force" && is_closed
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" restore
}

# Either the command says what went wrong and the next try mends it, or the error did not matter.
case_a_call_of_restore_is_refused() {
    seldom 6
    expect_status 0 pm apply "$LAB/old.yaml"
    prepare() { pm detach --all; }
    judge() {
        [ "$STATUS" -eq 0 ] || expect_status 0 pm restore || return 1
        expect_equal old "$(policy_in_force)" "in force after $FAULT" && is_attached && is_closed
    }
    with_every_error ENOMEM "$PORTMATRIX" restore
}

# No ban holds, so the attacker's pings are answered. One echo may be lost on the way, not all of them.
is_free() {
    wait_for 20 pings attacker "$EDGE4" 1 && return
    cat "$LAB/log/unban"
    pm bans
    in_ns attacker ip neigh
    return 1
}

is_barred() { refused in_ns attacker ping -n -q -c 1 -W 0.5 "$EDGE4" >/dev/null; }

case_ban_is_killed() {
    prepare() { pm unban "$ATTACKER4" >"$LAB/log/unban" 2>&1 || true; }
    judge() { # banned or not; at the latest after the next change the programs do what the list says
        expect_equal new "$(policy_in_force)" "in force" && is_closed || return 1
        expect_status 0 pm ban "$USER4"
        if pm bans | grep "$ATTACKER4" >/dev/null; then
            is_barred || return 1
        else
            is_free || return 1
        fi
        expect_status 0 pm unban "$USER4"
    }
    expect_status 0 pm apply "$LAB/new.yaml"
    with_every_fault signal=KILL -- "$PORTMATRIX" ban "$ATTACKER4"
}

case_a_call_of_ban_is_refused() {
    prepare() { pm unban "$ATTACKER4" >"$LAB/log/unban" 2>&1 || true; }
    judge() {
        expect_equal new "$(policy_in_force)" "in force" && is_closed || return 1
        if [ "$STATUS" -ne 0 ]; then
            is_free
        else
            is_barred
        fi
    }
    with_every_error ENOMEM "$PORTMATRIX" ban "$ATTACKER4"
    prepare
}

case_a_call_of_rollback_is_refused() {
    prepare() {
        expect_status 0 pm apply "$LAB/old.yaml"
        expect_status 0 pm apply "$LAB/new.yaml"
    }
    judge() {
        is_closed || return 1
        if [ "$STATUS" -ne 0 ]; then
            expect_equal new "$(policy_in_force)" "in force after $FAULT"
        else
            expect_equal old "$(policy_in_force)" "in force after $FAULT"
        fi
    }
    with_every_error EIO "$PORTMATRIX" rollback
}

case_detach_is_killed() {
    seldom 3
    prepare() { expect_status 0 pm apply -i eth0 "$LAB/old.yaml"; }
    judge() { # what is attached is whole, and the next detach removes it, with nothing left
        if is_attached && [ "$(policy_in_force)" = old ]; then is_closed || return 1; fi
        expect_status 0 pm detach --all || return 1
        refused is_attached || return 1
        refused test -e "$PORTMATRIX_PIN_DIR"
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" detach --all
    prepare
}

# Either eth0 is unfiltered, and the command names the remedy if something is left; or all is as it was,
# and `watch` still keeps it attached.
judge_detached() {
    if [ "$STATUS" -eq 0 ]; then
        refused is_attached && tcp_refused_port
    elif grep -q "eth0 is now unfiltered" "$LAB/log/out"; then
        grep -q "the same command clears away the rest" "$LAB/log/out" && tcp_refused_port
    else
        is_attached && is_closed && refused grep -qx eth0 "$LAB/run/detached" 2>/dev/null &&
            expect_equal old "$(policy_in_force)" "in force after $FAULT"
    fi
}

case_a_call_of_detach_is_refused() {
    seldom 9
    prepare() { expect_status 0 pm apply -i eth0 "$LAB/old.yaml"; }
    judge() { # the next detach clears away what is left
        judge_detached || return 1
        expect_status 0 pm detach --all || return 1
        refused is_attached || return 1
        refused test -e "$PORTMATRIX_PIN_DIR"
    }
    with_every_error EIO "$PORTMATRIX" detach --all
    prepare
}

# Adds a second interface. The filters of the two must not depend on each other. $TWO has the pins with
# both.
two_interfaces() {
    in_ns edge ip link add spare type veth peer name spare1
    expect_status 0 pm apply -i eth0 -i spare "$LAB/old.yaml"
    TWO=$(pins)
}
one_interface() {
    in_ns edge ip link delete spare
    expect_status 0 pm detach --all
    expect_status 0 pm apply -i eth0 "$LAB/old.yaml"
}
spare_is_attached() { in_ns edge ip -d link show dev spare | grep prog/xdp >/dev/null; }

case_a_call_of_detaching_one_of_two_is_refused() {
    seldom 9
    two_interfaces
    prepare() { expect_status 0 pm apply -i eth0 "$LAB/old.yaml"; }
    judge() {
        judge_detached && spare_is_attached || return 1
        expect_equal old "$(policy_in_force)" "in force after $FAULT" || return 1
        if [ "$STATUS" -ne 0 ]; then expect_status 0 pm detach -i eth0; fi
    }
    with_every_error EIO "$PORTMATRIX" detach -i eth0
    one_interface
}

case_detaching_one_of_two_is_killed() {
    seldom 9
    two_interfaces
    prepare() { expect_status 0 pm apply -i eth0 "$LAB/old.yaml"; }
    judge() { # the next detach ends it if this one did not
        spare_is_attached || return 1
        expect_equal old "$(policy_in_force)" "in force after $FAULT" || return 1
        pm detach -i eth0 >"$LAB/log/next" 2>&1 || grep -q "nothing is attached to 'eth0'" "$LAB/log/next"
        refused is_attached && tcp_refused_port
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" detach -i eth0
    one_interface
}

prepare_addition() {
    pm detach -i spare >"$LAB/log/next" 2>&1 || true
    expect_status 0 pm apply "$LAB/old.yaml"
}
judge_addition() {
    is_closed || return 1
    expect_status 0 pm apply -i spare "$LAB/old.yaml" || return 1
    spare_is_attached && expect_equal "$TWO" "$(pins)" "pins after $FAULT"
}

case_adding_an_interface_is_killed() {
    seldom 9
    two_interfaces
    prepare() { prepare_addition; }
    judge() {
        case $(policy_in_force) in old | new) ;; *) return 1 ;; esac
        judge_addition
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" apply -i spare "$LAB/new.yaml"
    one_interface
}

case_a_call_of_adding_an_interface_is_refused() {
    seldom 9
    two_interfaces
    prepare() { prepare_addition; }
    judge() {
        if [ "$STATUS" -ne 0 ]; then
            expect_equal old "$(policy_in_force)" "in force after $FAULT" || return 1
            refused spare_is_attached || return 1
        else
            expect_equal new "$(policy_in_force)" "in force after $FAULT" && spare_is_attached || return 1
        fi
        judge_addition
    }
    with_every_error ENOMEM "$PORTMATRIX" apply -i spare "$LAB/new.yaml"
    one_interface
}

# The programs in the kernel come from another build.
prepare_takeover() {
    expect_status 0 pm apply "$LAB/old.yaml"
    set_build "$(abi)" 0
}
# Whichever build the programs are of now, they enforce. At the latest, the next change replaces them by
# ours.
judge_takeover() {
    is_closed && is_attached || return 1
    expect_status 0 pm apply "$LAB/old.yaml" || return 1
    expect_equal "$PINS" "$(pins)" "pins after $FAULT" || return 1
    expect_status 0 pm apply "$LAB/old.yaml" || return 1
    refused expect_output "replaced by" >/dev/null
}

case_a_takeover_is_killed() {
    seldom 10 # programs are loaded twice for each
    prepare() { prepare_takeover; }
    judge() {
        case $(policy_in_force) in old | new) ;; *) return 1 ;; esac
        judge_takeover
    }
    expect_status 0 pm apply "$LAB/new.yaml"
    with_every_fault signal=KILL -- "$PORTMATRIX" apply "$LAB/new.yaml"
}

case_a_call_of_a_takeover_is_refused() {
    seldom 10 # programs are loaded twice for each
    prepare() { prepare_takeover; }
    judge() {
        if [ "$STATUS" -ne 0 ]; then
            expect_equal old "$(policy_in_force)" "in force after $FAULT" || return 1
        else
            expect_equal new "$(policy_in_force)" "in force after $FAULT" || return 1
        fi
        judge_takeover
    }
    with_every_error ENOMEM "$PORTMATRIX" apply "$LAB/new.yaml"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
for name in old new; do
    sed "s/contoso-edge/$name/" "$here/edge.yaml" >"$LAB/$name.yaml"
done
pm apply -i eth0 "$LAB/old.yaml"
pm apply "$LAB/new.yaml" # as many slots as there will be
PINS=$(pins)
run_cases "$@"
