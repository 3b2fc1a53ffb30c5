# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command again and again, each time with a fault at another one of its system calls. Sourced
# after lab.sh and cases.sh. fault_test.sh explains PM_FAULTS, PM_ERRORS and PM_CALLS.

STEP=${PM_FAULTS:-25}
CALLS=${PM_CALLS:-bpf openat mmap write rename mkdir unlink unlinkat fsync membarrier flock}

# WHAT COMMAND...: runs the command once for each of its calls (each STEPth), with WHAT injected at that
# call. `prepare` runs before, `judge` checks the outcome. Prints how many faults there were.
with_every_fault() {
    local what=$1 call count number total=0
    shift
    prepare
    pm_traced -c -e "trace=${CALLS// /,}" "$@"
    cp "$LAB/log/strace" "$LAB/log/counts"
    for call in $CALLS; do
        count=$(awk -v call="$call" '$NF == call { print $4 }' "$LAB/log/counts")
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

seldom() { # TIMES: so many times fewer faults, for a slow case; each case has its own shell and so STEP
    [ "$STEP" -eq 1 ] || STEP=$((STEP * $1))
}

# shellcheck disable=SC2034 # for the cases
pm_traced() { # STRACE-OPTION... -- COMMAND...: its exit status in $STATUS
    STATUS=0
    in_ns edge strace -f -o "$LAB/log/strace" "$@" >"$LAB/log/out" 2>&1 || STATUS=$?
}
