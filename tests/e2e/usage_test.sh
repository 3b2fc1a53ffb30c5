#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A fault on the command line is named, changes nothing and ends with 2. The last line of a command that
# changes something says what is in force.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

expect_last() { # TEXT: it is in the last line of $OUTPUT
    tail -n 1 <<<"$OUTPUT" | grep -qF -- "$1" || { echo "no '$1' at the end of:"; echo "$OUTPUT"; return 1; }
}

# OPTION COMMAND...: a usage error that names the option
refused_empty() {
    local option=$1
    shift
    expect_status 2 pm "$@"
    expect_output "error: $option: "
}

case_an_empty_value_is_none() {
    refused_empty --confirm-within apply --confirm-within "" "$here/edge.yaml"
    expect_last "generation 1 stays in force on eth0"
    refused_empty --for ban 192.0.2.66 --for ""
    expect_last "generation 1 stays in force on eth0"
    refused_empty --file ban 192.0.2.66 --file ""
    refused_empty PREFIX unban ""
    refused_empty POLICY apply ""
    refused_empty --interface apply -i "" "$here/edge.yaml"
    refused_empty --mode apply --mode ""
    refused_empty --policy explain --policy "" --from 192.0.2.66 --to "$EDGE4" --proto icmp
    refused_empty --policy show --policy ""
    refused_empty --row flows --row ""
    refused_empty --peer flows --peer ""
    refused_empty --pcap monitor --pcap ""
    refused_empty --listen export --listen ""
    expect_equal 1 "$(generation_in_force)" generation
    expect_equal "" "$(pm bans --json)" bans
}

case_a_limit_is_a_number_from_1_on() {
    local limit
    for limit in -1 0 010 many; do
        expect_status 2 pm flows --limit "$limit"
        expect_output "--limit: '$limit' is no number from 1 on"
        expect_status 2 pm history --limit "$limit"
        expect_status 2 pm monitor --limit "$limit"
    done
    expect_status 2 pm flows --limit 18446744073709551616
    expect_output "--limit: '18446744073709551616' is too large a number"
    expect_equal 1 "$(pm history --json --limit 1 | wc -l)" entries
}

full() { pm "$@" >/dev/full; }
closed() { pm "$@" >&-; }

case_output_that_cannot_be_written_is_a_failure() {
    local command where
    for command in "check $here/edge.yaml" "check --json $here/edge.yaml" --version --help show \
        history status audit "audit --json" "show --as-written"; do
        for where in full closed; do
            # shellcheck disable=SC2086 # words
            expect_status 1 $where $command
        done
    done
    expect_output "cannot write the output"
}

# If the caller has closed a standard descriptor, no file that we open may get its number: we would print
# into that file.
case_standard_descriptors_stay_free() {
    in_ns edge strace -o "$LAB/opened" -e trace=openat "$PORTMATRIX" check "$here/edge.yaml" <&- >&- 2>&- || true
    sed -n '\|"/dev/null"|,$p' "$LAB/opened" >"$LAB/since"
    expect_equal "0 1 2" "$(sed -n 's/.*"\/dev\/null".* = \([0-2]\)$/\1/p' "$LAB/since" | paste -sd ' ')" held
    grep -q 'edge.yaml.* = [3-9]' "$LAB/since"
    refused grep ' = [0-2]$' <(grep -v '"/dev/null"' "$LAB/since")
}

case_a_wrong_command_is_named() {
    expect_status 2 pm aply -i eth0
    expect_output "'aply' is no command"
    expect_output "did you mean 'apply'?"
    expect_status 2 pm nonsense
    expect_output "'nonsense' is no command"
    expect_status 2 pm --bogus
    expect_output "'--bogus' is no option"
}

case_what_is_in_force_is_said_wherever_the_command_stands() {
    expect_status 2 pm --verbose apply --bogus
    expect_last "generation 1 stays in force on eth0"
    expect_status 2 pm flows --bogus
    expect_last hint
}

case_what_is_in_force_is_said_when_memory_ends() {
    seq -f '%.0f' 1 400000 | awk '{ print "10." int($1 / 65536) "." int($1 / 256) % 256 "." $1 % 256 }' \
        >"$LAB/many.txt"
    variant many "s/\[198.51.100.0.*/{ file: many.txt }/; /198.51.100.7/d" >/dev/null
    expect_status 1 in_ns edge prlimit --as=$((48 << 20)) "$PORTMATRIX" apply "$LAB/many.yaml"
    expect_output "std::bad_alloc"
    expect_last "in force"  # or that not even this can be read
}

lab_base
trap 'lab_remove "$LAB"' EXIT
lab_host edge "$EDGE4" "$EDGE6"
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
