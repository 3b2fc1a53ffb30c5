#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scripts/rooms: the tree keeps to its table, and a breach of each kind is refused by name. Each
# case seeds one breach in a copy of the sources. Needs no root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
git -C "$tree" init -q
cp -r "$ROOT"/{maps,bpf,policy,loader} "$tree"
mkdir "$tree/scripts"
cp "$ROOT/scripts/rooms.table" "$tree/scripts"

# FILE LINE: the line becomes the file's last.
seed() {
    cp "$tree/$1" "$tree/before" 2>/dev/null || : >"$tree/before"
    mkdir -p "$(dirname "$tree/$1")"
    echo "$2" >>"$tree/$1"
}
# FILE: as it was before seed().
mend() { if [ -s "$tree/before" ]; then cp "$tree/before" "$tree/$1"; else rm "$tree/$1"; fi; }

# TEXT: the one complaint has it.
expect_breach() {
    expect_status 1 "$ROOT/scripts/rooms" "$tree"
    expect_output "$1"
    expect_equal 1 "$(wc -l <<<"$OUTPUT")" "complaints"
}

case_the_tree_keeps_to_its_table() {
    expect_status 0 "$ROOT/scripts/rooms"
    expect_equal "" "$OUTPUT" "complaints"
}

case_an_arrow_against_the_table_is_refused() {
    seed loader/observe/snapshot.cpp '#include "loader/update/rollout.h"'
    expect_breach "loader/observe may not know loader/update"
    mend loader/observe/snapshot.cpp
    seed policy/language/read.cpp '#include "policy/image/compile.h"'
    expect_breach "policy/language may not know policy/image"
    mend policy/language/read.cpp
    seed loader/state/store.cpp '#include "loader/kernel/pins.h"'
    expect_breach "loader/state may not know loader/kernel"
    mend loader/state/store.cpp
    seed bpf/admit.h '#include "policy/base/fd.h"'
    expect_breach "bpf may not know policy/base"
    mend bpf/admit.h
}

case_a_circle_is_refused() {
    seed policy/model/address.h '#include "policy/model/model.h"'
    expect_breach "includes itself: "
    mend policy/model/address.h
}

case_a_foreign_header_in_the_wrong_room_is_refused() {
    local file header room
    while read -r file header room; do
        seed "$file" "#include <$header>"
        expect_breach "only $room may"
        mend "$file"
    done <<'LINES'
loader/update/ban.cpp yaml-cpp/yaml.h policy/language
loader/observe/snapshot.cpp ncurses.h loader/show
loader/commands/export.cpp microhttpd.h loader/export
loader/observe/snapshot.cpp prometheus/registry.h loader/export
policy/model/model.cpp openssl/sha.h policy/base
loader/main.cpp CLI/CLI.hpp loader/commands
loader/update/ban.cpp libmnl/libmnl.h loader/host
LINES
    seed loader/observe/snapshot.cpp '#include <bpf/libbpf.h>'
    expect_breach "loader/observe/snapshot.cpp: includes <bpf/libbpf.h>: only bpf, loader/attach"
    mend loader/observe/snapshot.cpp
}

case_a_source_includes_its_own_header_first() {
    sed -i '0,/#include "policy\/model\/diff.h"/s//#include <string>\n\n#include "policy\/model\/diff.h"/' \
        "$tree/policy/model/diff.cpp"
    expect_breach 'policy/model/diff.cpp: its first include is not "policy/model/diff.h"'
    cp "$ROOT/policy/model/diff.cpp" "$tree/policy/model"
}

case_a_file_outside_of_all_rooms_is_refused() {
    seed policy/extra/thing.h '#pragma once'
    expect_breach "policy/extra/thing.h: is in no room"
    mend policy/extra/thing.h
}

case_a_room_that_has_grown_too_large_is_refused() {
    local number
    for number in {1..20}; do : >"$tree/loader/doctor/more$number.cpp"; done
    expect_breach "loader/doctor: $(find "$tree/loader/doctor" -name '*.cpp' | wc -l) sources"
    rm "$tree"/loader/doctor/more*.cpp
}

case_an_arrow_up_in_the_table_itself_is_refused() {
    sed -i 's|^loader/observe: |&loader/export |' "$tree/scripts/rooms.table"
    expect_breach "loader/observe may include loader/export, which stands below it"
    cp "$ROOT/scripts/rooms.table" "$tree/scripts"
}

run_cases "$@"
