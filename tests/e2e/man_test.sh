#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The man pages: they are well-formed, and name every command, option, environment variable and
# exit status that the program has, with an example of each command. Needs no root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

PAGES=$(dirname "$PORTMATRIX")/man

plain() { MANWIDTH=1000 MAN_KEEP_FORMATTING='' man -l -E UTF-8 "$1" | col -bx; }

# COMMAND: its entry in the page, up to the next command or section.
entry() {
    plain "$PAGES/portmatrix.8" | awk -v command="$1" '
        /^ ? ? ?[A-Z]/ { inside = 0 }
        /^       [a-z]/ { inside = $1 == command }
        inside'
}

case_the_pages_are_well_formed() {
    local page warnings
    for page in "$PAGES"/*.[1-8]; do
        warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
        expect_equal "" "$warnings" "$page"
    done
    [ -s "$PAGES/portmatrix.8" ]
}

case_every_command_has_an_entry_with_an_example() {
    local command text
    [ "$(help_commands | wc -l)" -ge 16 ]
    for command in $(help_commands); do
        text=$(entry "$command")
        [ -n "$text" ] || { echo "portmatrix(8) has no entry '$command'"; return 1; }
        grep -qE "^ +portmatrix $command( |$)" <<<"$text" ||
            { echo "portmatrix(8) has no example of '$command'"; return 1; }
    done
}

case_every_option_is_in_its_commands_entry() {
    local command option text
    for command in $(help_commands); do
        text=$(entry "$command")
        for option in $(help_options "$command"); do
            [ "$option" != --help ] || continue
            # -i is short for --interface, the only option with a short form.
            grep -qE -- "(^|[^a-z-])$option([^a-z-]|$)" <<<"$text" ||
                { echo "portmatrix(8), $command: no $option"; return 1; }
        done
    done
}

case_no_entry_names_an_option_that_is_not_there() {
    local command option all
    all=$(help_options; for command in $(help_commands); do help_options "$command"; done)
    for option in $(plain "$PAGES/portmatrix.8" | sed '/^SEE ALSO/,$d' | grep -oE -- '(^|[ |[])--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u); do
        grep -qx -- "$option" <<<"$all" || { echo "there is no option $option"; return 1; }
    done
}

case_every_variable_is_explained() {
    local name text
    text=$(plain "$PAGES/portmatrix.8")
    for name in $(grep -rhoE '"(PORTMATRIX_[A-Z_]+|NO_COLOR)"' "$ROOT/loader" "$ROOT/policy" | tr -d '"' | sort -u); do
        grep -qE "^ .*\b$name\b" <<<"$text" || { echo "portmatrix(8) has no $name"; return 1; }
    done
}

case_every_exit_status_is_explained() {
    local status text
    text=$(plain "$PAGES/portmatrix.8" | sed -n '/^EXIT STATUS/,/^GUARANTEES/p')
    sed -n 's/^enum class Exit {\(.*\)};/\1/p' "$ROOT/loader/base/fault.h" | grep -o '[0-9]' >"$scratch"
    [ "$(wc -l <"$scratch")" -ge 6 ]
    while read -r status; do
        grep -qx "       $status" <<<"$text" || { echo "portmatrix(8) has no status $status"; return 1; }
    done <"$scratch"
}

case_the_example_is_a_policy() {
    sed -n '/^# EXAMPLE/,/^# HOW/p' "$ROOT/man/portmatrix-policy.5.scd.in" |
        grep -vE '^(#.*|.{3})$' >"$scratch" # without titles and fences
    PORTMATRIX_POLICY_PATH=$ROOT/policy expect_status 0 "$PORTMATRIX" check "$scratch"
}

scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
run_cases "$@"
