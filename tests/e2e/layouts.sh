# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Layouts of the maps, older and newer. Sourced after lab.sh and cases.sh; then layouts_begin, then run_cases.

attached_program() { in_ns edge ip -j link show dev eth0 | jq '.[0].xdp.prog.id'; }
program_of() { bpftool -j prog show pinned "$PORTMATRIX_PIN_DIR/interface-0/$1_program" | jq .id; } # HOOK
leftovers() { find "$PORTMATRIX_PIN_DIR" -name 'next_*' -o -name 'layout-*' -o -name left; }

RELAYOUT=$(dirname "$PORTMATRIX")/tests/pm_relayout
relayout() { in_ns edge "$RELAYOUT" "$@"; }

# FIXTURE: what is attached becomes what the release with that layout attached.
age() {
    relayout age "$LAB/$(basename "$1" .xz)" "$(version_of "$1")"
    expect_equal "$(version_of "$1")" "$(abi)" "layout"
}
version_of() { basename "$1" .o.xz; }

# A lab whose Edge has a policy in force by this release, and hears what the attacker gets through.
layouts_begin() {
    local layout
    lab_make
    trap 'lab_remove "$LAB"' EXIT
    lab_services
    pm apply -i eth0 "$ROOT/tests/e2e/edge.yaml"
    lab_start edge arrived socat -u UDP4-RECV:9999 STDOUT
    lab_await edge udp 9999
    # shellcheck disable=SC2034 # for the cases
    VERSION=$(abi)
    for layout in "$ROOT"/tests/layouts/*.o.xz; do
        xz -dc "$layout" >"$LAB/$(basename "$layout" .xz)"
        : "${OLDEST:=$layout}"
    done
    # shellcheck disable=SC2034 # for the cases
    OLDEST_VERSION=$(version_of "$OLDEST")
}

# What is dropped cannot be asked of it.
begin_attack_on_older() {
    : >"$LAB/log/arrived"
    start_attack
}

# An interface of the policy that comes late, and whose other end the policy lets in nowhere.
wire_late() { lab_wire late0 198.51.100; }
late_is_closed() { refused tcp_talks user 198.51.100.1 22; }
