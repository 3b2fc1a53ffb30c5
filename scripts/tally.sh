# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Counts over several test runners. Each tally_* runs one and adds what it says; tally_end prints
# the table, what failed (`failed: RUNNER: TEST`, with the first lines that the test said, so that the
# end of a long output is enough) and, as the last line, `N passed, N failed, N skipped`; its status is
# that of the run.
#
# Sourced, under `set -euo pipefail`.

tally_passed=0 tally_failed=0 tally_skipped=0
tally_table=()
tally_beside=() # names of runners that work, or have worked, beside others
tally_dir=$(mktemp -d)
touch "$tally_dir/ran"    # KIND:NAME of each test that passed
touch "$tally_dir/failed" # RUNNER: TEST of each that failed, and indented lines of what it said

# NAME PASSED FAILED SKIPPED SECONDS
tally_add() {
    tally_passed=$((tally_passed + $2))
    tally_failed=$((tally_failed + $3))
    tally_skipped=$((tally_skipped + $4))
    tally_table+=("$(printf '%-28s %8s %8s %8s %7ss' "$@")")
    [ "$3" -eq 0 ] || grep -qE "^$1(:|$)" "$tally_dir/failed" || echo "$1" >>"$tally_dir/failed"
    printf -- '-- %s: %s s\n' "$1" "$5" # where a run is ended from outside, this has been said
}

# NAME COMMAND...: a GoogleTest program. One that ends before it has written its report failed.
tally_gtest() {
    local name=$1 report=$tally_dir/report.json begin=$SECONDS status=0 total failed skipped
    shift
    printf '== %s\n' "$name"
    rm -f "$report"
    GTEST_OUTPUT="json:$report" GTEST_BRIEF=1 "$@" || status=$?
    if ! [ -s "$report" ]; then
        tally_add "$name" 0 1 0 $((SECONDS - begin))
        return
    fi
    jq -r --arg kind "$name" '.testsuites[].testsuite[] |
        select(.result == "COMPLETED" and (.failures | not)) |
        "\($kind):\(.classname).\(.name)"' "$report" >>"$tally_dir/ran"
    jq -r --arg name "$name" '.testsuites[].testsuite[] | select(.failures) |
        "\($name): \(.classname).\(.name)",
        (.failures[0].failure | split("\n")[:20][] | "    " + .)' "$report" >>"$tally_dir/failed"
    # Skipped tests have the result SKIPPED, disabled ones the status NOTRUN.
    read -r total failed skipped < <(jq -r '[.testsuites[].testsuite[]] |
        [length, (map(select(.failures)) | length),
         (map(select(.result == "SKIPPED" or .status == "NOTRUN")) | length)] | @tsv' "$report")
    [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
    [ "$total" -gt 0 ] || failed=1
    tally_add "$name" $((total > failed + skipped ? total - failed - skipped : 0)) \
        "$failed" "$skipped" $((SECONDS - begin))
}

# NAME COMMAND...: a runner whose last line is a tally.
tally_runner() {
    local name=$1 begin=$SECONDS status=0
    shift
    printf '== %s\n' "$name"
    "$@" 2>&1 | tee "$tally_dir/out" || status=${PIPESTATUS[0]}
    tally_count "$name" "$tally_dir/out" "$status" $((SECONDS - begin))
}

# NAME OUTPUT STATUS SECONDS: what a runner said.
tally_count() {
    local name=$1 status=$3 last failed
    last=$(tail -n 1 "$2")
    [[ $name != "e2e "* ]] || sed -n "s|^ok  *\([^ ]*\) .*|${name/e2e /e2e:}/\1|p" "$2" >>"$tally_dir/ran"
    # One that is a tally itself has said at its end what failed.
    awk -v name="$name" -v mark="$(grep -q '^failed: ' "$2" && echo failed: || echo 'not ok')" '
        index($0, mark) == 1 { sub(mark " *", name ": "); print; left = 20; next }
        /^ / && left-- > 0 { print; next }
        { left = 0 }' "$2" >>"$tally_dir/failed"
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        failed=${BASH_REMATCH[2]}
        [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || [ "${BASH_REMATCH[3]}" -gt 0 ] || failed=1
        tally_add "$name" "${BASH_REMATCH[1]}" "$failed" "${BASH_REMATCH[3]}" "$4"
    else
        tally_end_of "$name" "$2"
        tally_add "$name" 0 1 0 "$4"
    fi
}

# NAME OUTPUT: of one that failed without a word which test it was.
tally_end_of() {
    echo "$1"
    tail -n 20 "$2" | sed 's/^/    /'
} >>"$tally_dir/failed"

# NAME COMMAND...: the same, two at a time, for runners that mostly wait; tally_wait counts them.
tally_start() {
    local out=$tally_dir/beside-${#tally_beside[@]}
    tally_beside+=("$1")
    shift
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
    {
        begin=$SECONDS status=0
        "$@" >"$out" 2>&1 || status=$?
        echo "$status $((SECONDS - begin))" >"$out.end"
    } &
}

tally_wait() {
    local number out status seconds
    wait
    for number in "${!tally_beside[@]}"; do
        out=$tally_dir/beside-$number
        printf '== %s\n' "${tally_beside[number]}"
        cat "$out"
        # One that was killed with its shell has not said how it ended.
        [ -s "$out.end" ] || echo "1 0" >"$out.end"
        read -r status seconds <"$out.end"
        tally_count "${tally_beside[number]}" "$out" "$status" "$seconds"
    done
    tally_beside=()
}

# NAME COMMAND...: one test, passed if the command's status is 0; its output is shown if not.
tally_command() {
    local name=$1 out=$tally_dir/out begin=$SECONDS
    shift
    printf '== %s\n' "$name"
    if "$@" >"$out" 2>&1; then
        tally_add "$name" 1 0 0 $((SECONDS - begin))
    else
        cat "$out"
        tally_end_of "$name" "$out"
        tally_add "$name" 0 1 0 $((SECONDS - begin))
    fi
}

# NAME REASON: what cannot be run here. It does not count; the table names it.
tally_absent() {
    printf '== %s\nnot run: %s\n' "$1" "$2"
    tally_table+=("$(printf '%-28s not run: %s' "$1" "$2")")
}

# NAME COMMAND...: what the rest needs. It counts only if it fails, and is the end then.
tally_need() {
    local name=$1 begin=$SECONDS
    shift
    "$@" && return
    tally_add "$name" 0 1 0 $((SECONDS - begin))
    tally_end || exit 1
}

tally_end() {
    printf '\n%-28s %8s %8s %8s\n' '' passed failed skipped
    printf '%s\n' "${tally_table[@]}"
    sed 's/^[^ ]/failed: &/' "$tally_dir/failed"
    rm -rf "$tally_dir"
    printf '%d passed, %d failed, %d skipped\n' "$tally_passed" "$tally_failed" "$tally_skipped"
    [ "$tally_failed" -eq 0 ] && [ "$tally_skipped" -eq 0 ] && [ "$tally_passed" -gt 0 ]
}
