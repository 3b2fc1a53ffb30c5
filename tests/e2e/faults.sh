# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command again and again, each time with a fault at another one of its system calls. Sourced,
# after lab.sh and cases.sh; PM_FAULTS, PM_ERRORS and PM_CALLS are those of fault_test.sh.

STEP=${PM_FAULTS:-25}
CALLS=${PM_CALLS:-bpf openat mmap write rename mkdir unlink unlinkat fsync membarrier flock}

# WHAT COMMAND...: as often as the command makes each call, with WHAT injected there; `prepare` comes
# before each, `judge` looks at what came of it. Says how many faults there were.
with_every_fault() {
    local what=$1 call count number total=0
    shift
    for call in $CALLS; do
        prepare
        pm_traced -c -e "trace=$call" "$@"
        count=$(awk -v call="$call" '$NF == call { print $4 }' "$LAB/log/strace")
        [ "${count:=0}" -gt 0 ] || continue
        for ((number = 1 + total % (count < STEP ? count : STEP); number <= count; number += STEP)); do
            FAULT="$what at $call $number"
            prepare
            pm_traced -e "trace=$call" -e "inject=$call:$what:when=$number" "$@"
            judge || { echo "$FAULT"; cat "$LAB/log/out"; return 1; }
            total=$((total + 1))
        done
    done
    echo "# $3: $total calls, $what"
    [ "$total" -gt 0 ]
}

with_every_error() { # DEFAULT COMMAND...
    local error default=$1
    shift
    for error in ${PM_ERRORS:-$default}; do with_every_fault "error=$error" -- "$@"; done
}

seldom() { # TIMES: of a case whose faults take long; each case has a shell, and so a STEP, of its own
    [ "$STEP" -eq 1 ] || STEP=$((STEP * $1))
}

# shellcheck disable=SC2034 # for the cases
pm_traced() { # STRACE-OPTION... -- COMMAND...: its exit status in $STATUS
    STATUS=0
    in_ns edge strace -f -o "$LAB/log/strace" "$@" >"$LAB/log/out" 2>&1 || STATUS=$?
}
