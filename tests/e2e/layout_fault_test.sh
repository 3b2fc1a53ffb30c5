#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A takeover from one layout of the maps to the next is killed at one system call after the other, or the
# call fails, while a connection stays open. The host is never open, the connection lives on, and the
# next command finishes what was begun. PM_FAULTS, PM_ERRORS and PM_CALLS are those of fault_test.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PM_CALLS=${PM_CALLS:-bpf openat mmap fcntl newfstatat rename mkdir unlink rmdir}
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/faults.sh
. "$here/faults.sh"
# shellcheck source=tests/e2e/line.sh
. "$here/line.sh"
# shellcheck source=tests/e2e/keeping.sh
. "$here/keeping.sh"
# shellcheck source=tests/e2e/layouts.sh
. "$here/layouts.sh"

# What may not be, whatever was killed: somebody gets in.
is_closed() { expect_equal 0 "$(wc -c <"$LAB/log/arrived")" "bytes that passed after $FAULT"; }

is_whole() { # by this release
    expect_equal "$VERSION" "$(abi)" "layout after $FAULT" &&
        expect_equal contoso-edge "$(policy_in_force)" "in force after $FAULT" &&
        expect_equal null "$(drift)" "drift after $FAULT" &&
        expect_equal "$(program_of ingress)" "$(attached_program)" "program after $FAULT" &&
        expect_equal "" "$(leftovers)" "pins left after $FAULT" && is_closed
}

case_a_takeover_is_killed() {
    seldom 12
    begin_all
    prepare() { age "$OLDEST"; }
    judge() { is_closed && line_echoes "$FAULT" && expect_status 0 pm restore && line_echoes "$FAULT" && is_whole; }
    with_every_fault signal=KILL -- "$PORTMATRIX" restore
    end_all
}

# Either it says what went wrong and goes on filtering, or the error did not matter.
case_a_call_of_a_takeover_is_refused() {
    seldom 12
    begin_all
    prepare() { age "$OLDEST"; }
    judge() {
        is_closed && line_echoes "$FAULT" || return 1
        [ "$STATUS" -eq 0 ] || expect_status 0 pm restore || return 1
        line_echoes "$FAULT" && is_whole
    }
    with_every_error ENOMEM "$PORTMATRIX" restore
    end_all
}

# Those that a verdict depends on are made anew: to the next layout, and back.
case_a_takeover_of_other_maps_is_killed() {
    local -a maps=(control images bans interfaces outside opening assured)
    seldom 24
    begin_all
    prepare() { relayout copy "$VERSION" "${maps[@]}"; }
    judge() {
        is_closed && line_echoes "$FAULT" && relayout copy $((VERSION + 1)) "${maps[@]}" &&
            line_echoes "$FAULT" && relayout copy "$VERSION" "${maps[@]}" && is_whole
    }
    with_every_fault signal=KILL -- "$RELAYOUT" copy $((VERSION + 1)) "${maps[@]}"
    prepare
    end_all
}

# Flows are given up, so the connection is judged as at a first attach: by its socket.
case_the_way_back_is_killed() {
    seldom 24
    begin_all
    prepare() { [ "$(abi)" -gt "$VERSION" ] || relayout copy $((VERSION + 1)); }
    judge() {
        is_closed && is_not_called_open && expect_status 0 pm restore --downgrade && is_whole && line_echoes "$FAULT"
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" restore --downgrade
    end_all
}

# Programs filter all the while, of one release or the other.
is_not_called_open() {
    OUTPUT=$(pm status 2>&1) || true
    refused grep -E "nothing is filtered|OPEN" <<<"$OUTPUT"
    [[ $OUTPUT =~ "in force on"|"has layout"|"without pins here filter eth0"|enforce ]] ||
        { echo "$OUTPUT"; return 1; }
}

begin_all() {
    FAULT=none
    begin_attack
    open_line
}
end_all() {
    close_line
    end_attack
}

layouts_begin
run_cases "$@"
