# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Runs the functions named case_* of an end-to-end test in the order in which they were written,
# each in a shell of its own that ends at the first command that fails. Sourced, after lab.sh;
# the test file ends with `run_cases`. With arguments, only the cases of these names.
#
# A case prints its figures in lines that begin with "# ". The last line of the output is
# `N passed, N failed, N skipped`.

run_cases() {
    local passed=0 failed=0 name status log begin
    log=$(mktemp)
    # In the order of the file; compgen sorts by name.
    shopt -s extdebug
    local -a names
    mapfile -t names < <(compgen -A function case_ | while read -r name; do
        declare -F "$name"
    done | sort -n -k2 | cut -d' ' -f1)
    shopt -u extdebug
    [ $# -eq 0 ] || names=("${@/#/case_}")

    for name in "${names[@]}"; do
        begin=$SECONDS
        touch "$log.begin"
        # Not as a condition of `if`: that would switch `errexit` off inside.
        set +e
        (
            set -eE -o pipefail
            trap 'echo "failed: $BASH_COMMAND (line $LINENO)"' ERR
            "$name"
        ) >"$log" 2>&1
        status=$?
        set -e
        if [ "$status" -eq 0 ]; then
            passed=$((passed + 1))
            echo "ok      ${name#case_} ($((SECONDS - begin)) s)"
            sed -n 's/^# /        /p' "$log"
        else
            failed=$((failed + 1))
            echo "not ok  ${name#case_} ($((SECONDS - begin)) s)"
            { cat "$log" && logs_since "$log"; } | sed 's/^/        /'
        fi
    done
    rm -f "$log" "$log.begin"
    echo "$passed passed, $failed failed, 0 skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# LOG: the ends of what processes in the background have written since the case began.
logs_since() {
    [ -d "${LAB:-}/log" ] || return 0
    find "$LAB/log" -type f -newer "$1.begin" -size +0 -exec tail -v -n 5 {} +
}

# STATUS COMMAND...: the command ends with this exit status; $OUTPUT is what it said.
expect_status() {
    local want=$1 status=0
    shift
    OUTPUT=$("$@" 2>&1) || status=$?
    [ "$status" -eq "$want" ] || { echo "exit $status, not $want: $*"; echo "$OUTPUT"; return 1; }
}

expect_output() { # TEXT: $OUTPUT has it
    grep -qF -- "$1" <<<"$OUTPUT" || { echo "no '$1' in:"; echo "$OUTPUT"; return 1; }
}

expect_equal() { # WANT GOT WHAT
    [ "$1" = "$2" ] || { echo "$3: $2, not $1"; return 1; }
}

refused() { # COMMAND...: it must not succeed
    ! "$@" || { echo "succeeded: $*"; return 1; }
}
