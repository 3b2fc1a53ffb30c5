#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Completion in the shells, and in editors by the JSON Schema, against the program itself. Needs no
# root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

FILES=$(dirname "$PORTMATRIX")/packaging
SCHEMA=$ROOT/packaging/policy.schema.json

# WORD...: the completions that bash offers for the last word.
offered() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    bash -c '. "$1" && shift && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _portmatrix &&
        printf "%s\n" "${COMPREPLY[@]}"' - "$FILES/portmatrix.bash" portmatrix "$@"
}

case_bash_offers_every_command() {
    expect_equal "$(help_commands | sort)" "$(offered '' | sort)" commands
    expect_equal "$(help_options | sort)" "$(offered -- | sort)" options
    expect_equal apply "$(offered app)" "what begins with app"
}

case_bash_offers_every_option_of_each_command() {
    local command
    for command in $(help_commands); do
        expect_equal "$(help_options "$command" | sort)" "$(offered "$command" -- | sort)" "$command"
        expect_equal "$(help_options "$command" | sort)" "$(offered --verbose "$command" -- | sort)" "$command"
    done
}

case_bash_offers_values() {
    expect_equal "audit enforce shadow" "$(offered apply --mode '' | sort | xargs)" --mode
    offered apply -i '' | grep -x lo >/dev/null
    cd "$here"
    offered apply -i eth0 ed | grep -x edge.yaml >/dev/null
    offered explain --policy ed | grep -x edge.yaml >/dev/null
    expect_equal "" "$(offered ban 1)" "an address"
}

case_the_words_are_those_that_the_program_takes() {
    local words word
    for words in "apply --mode" "apply --xdp" "flows --sort" "flows --by" "top --by" "monitor --direction" "explain --direction"; do
        # shellcheck disable=SC2086 # two words
        expect_status 2 "$PORTMATRIX" $words nonsense
        # shellcheck disable=SC2086
        for word in $(offered $words ''); do expect_output "$word"; done
    done
}

case_zsh_reads_it_and_knows_every_option() {
    local command
    zsh -n "$FILES/portmatrix.zsh"
    for command in $(help_commands); do
        # Stands for those functions of zsh's completion system that the file calls.
        # shellcheck disable=SC2016 # expanded by zsh
        zsh -fc '_arguments() { [[ $1 == -C ]] && state=arguments || print -l -- "$@"; }
            _describe() { :; }; words=("$2"); run() { . "$1"; }; run "$1"' - \
            "$FILES/portmatrix.zsh" "$command" | grep -oE -- '^\*?--[a-z-]+' | tr -d '*' | sort >"$scratch"
        expect_equal "$(help_options "$command" | sort)" "$(cat "$scratch")" "$command"
    done
}

case_schema_and_man_page_know_the_readers_keys() {
    /usr/bin/python3 "$here/schema.py" "$SCHEMA" keys "$ROOT"
}

case_schema_takes_every_policy_of_the_tree() {
    /usr/bin/python3 "$here/schema.py" "$SCHEMA" valid "$ROOT"/policy/*.yaml \
        "$ROOT"/tests/policies/*.yaml "$ROOT"/tests/golden/policies/*.yaml "$here"/*.yaml
}

case_schema_refuses_what_has_not_the_form() {
    local name
    for name in conditions dates expectations keys names no-rows ports rows sets; do
        refused /usr/bin/python3 "$here/schema.py" "$SCHEMA" valid \
            "$ROOT/tests/golden/errors/$name.yaml"
    done
}

scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
run_cases "$@"
