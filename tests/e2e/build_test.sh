#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who builds portmatrix may have a compiler that warns of other things than ours: that stops only who
# asks for it (PM_WERROR=ON, as .ci/run does). Needs no root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
unset PM_WERROR

commands() { # [OPTION]: how sources are compiled
    cmake -S "$ROOT" -B "$tree" -G Ninja -Wno-dev "$@" >/dev/null
    jq -r '.[].command' "$tree/compile_commands.json"
    local given=${1:-}
    PM_WERROR=${given#-DPM_WERROR=} make -n -B -C "$ROOT" -f Makefile.bpf OUTPUT="$tree/bpf" CLANG=clang |
        grep 'target bpf'
}

case_a_warning_stops_no_build() {
    commands -DPM_WERROR=OFF >"$tree/plain"
    grep -q 'target bpf' "$tree/plain"
    refused grep -e ' -Werror' "$tree/plain"
    rm "$tree/CMakeCache.txt"
    commands >"$tree/default"
    expect_equal "$(cat "$tree/plain")" "$(cat "$tree/default")" "what is compiled by default"
}

case_it_stops_who_asks_for_it() {
    commands -DPM_WERROR=ON >"$tree/strict"
    expect_equal "$(wc -l <"$tree/strict")" "$(grep -c -e ' -Werror' "$tree/strict")" "strict commands"
}

run_cases "$@"
