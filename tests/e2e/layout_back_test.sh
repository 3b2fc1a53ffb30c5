#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a newer release has attached, whose maps have another layout, is left alone and guarded. A downgrade goes
# back from it with no open moment, or gives up nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/keeping.sh
. "$here/keeping.sh"
# shellcheck source=tests/e2e/parachute.sh
. "$here/parachute.sh"
# shellcheck source=tests/e2e/layouts.sh
. "$here/layouts.sh"

# A `watch` of this release leaves alone what a newer one has pinned.
case_watch_of_the_release_before() {
    start_watch
    wait_for 20 watch_said "watching: in force on eth0"
    relayout copy $((VERSION + 1)) control
    wait_for 20 watch_said "has layout $((VERSION + 1))"
    stop_watch TERM
    refused tcp_talks attacker "$EDGE4" 22
    relayout copy "$VERSION" control
    expect_equal contoso-edge "$(policy_in_force)" "in force"
}

case_the_way_back_from_a_newer_layout() {
    relayout copy $((VERSION + 1))
    set_release "9.1.0"
    expect_status 1 pm apply "$here/edge.yaml"
    expect_output "of release 9.1.0, has layout $((VERSION + 1)), this portmatrix has $VERSION"
    expect_status 4 pm restore
    expect_output "the counters and all flows are lost"
    begin_attack_on_older
    cannot_cross
    expect_status 0 pm restore --downgrade
    expect_output "flows and counters of release 9.1.0 are given up"
    end_attack
    expect_equal "$VERSION" "$(abi)" "layout"
    expect_equal contoso-edge "$(policy_in_force)" "in force"
    expect_equal "$(program_of ingress)" "$(attached_program)" "program on the interface"
    expect_equal "" "$(leftovers)" "pins left"
    tcp_talks user "$EDGE4" 22
    expect_status 0 pm restore --downgrade
}
# Neither a program that does not load nor a generation that only the newer release can read gives up
# anything.
cannot_cross() {
    local generation pins
    generation=$LAB/state/generations/$(jq .generation "$LAB/state/confirmed.json")
    pins=$(pins_now)
    expect_status 4 in_ns edge /usr/bin/python3 "$here/without_bpf.py" --load "$PORTMATRIX" restore --downgrade
    stays_newer "the confirmed policy cannot be put in force: cannot load the programs into the kernel"
    cp -r "$generation" "$LAB/generation"
    echo '{"kind": "newer"}' >"$generation/about.json"
    expect_status 4 pm restore --downgrade
    stays_newer "the confirmed policy cannot be put in force: "
    cp "$LAB/generation/about.json" "$generation"
    echo newer >"$generation/image"
    echo newer >"$generation/policy.yaml"
    expect_status 4 pm restore --downgrade
    stays_newer "policy.yaml cannot be read"
    cp "$LAB/generation"/* "$generation"
    mv "$LAB/state/confirmed.json" "$LAB"
    expect_status 4 pm restore --downgrade
    stays_newer "nothing that this release could put in force is confirmed"
    mv "$LAB/confirmed.json" "$LAB/state"
    rm -r "$LAB/generation"
}
stays_newer() { # TEXT
    expect_output "$1"
    refused grep -F "given up" <<<"$OUTPUT"
    expect_equal $((VERSION + 1)) "$(abi)" "layout"
    refused tcp_talks attacker "$EDGE4" 22
    expect_equal "$pins" "$(pins_now)" "pins"
}

# What it has attached goes on filtering, and the service guards it. An interface that comes is closed.
case_the_service_of_the_release_before() {
    wire_late
    wait_for 20 tcp_talks user 198.51.100.1 22
    expect_status 0 pm apply -i late0 --force # its address is in no role
    in_ns edge ip link delete late0
    relayout copy $((VERSION + 1))
    begin_attack_on_older
    wire_late
    expect_status 0 pm restore --service
    expect_output "what is attached is of a newer release ($(release), layout $((VERSION + 1)); this one has $VERSION)"
    is_loaded
    late_is_closed
    start_watch
    watch_said "has layout $((VERSION + 1))"
    in_ns edge nft flush ruleset
    wait_for 20 is_loaded
    late_is_closed
    rm -rf "$PORTMATRIX_PIN_DIR" 2>/dev/null || true
    wait_for 20 test -e "$PORTMATRIX_PIN_DIR/abi"
    expect_equal $((VERSION + 1)) "$(abi)" "layout"
    stop_watch TERM
    expect_status 0 pm restore --downgrade
    wait_for 20 is_gone
    late_is_closed
    end_attack
    expect_status 0 pm detach -i late0
    in_ns edge ip link delete late0
    expect_equal "" "$(leftovers)" "pins left"
}
release() { "$PORTMATRIX" --version | grep -oE '[0-9]+\.[0-9.]+' | head -n 1; }

set_release() { # NAME: in the map `abi`
    local -a bytes
    mapfile -t bytes < <(bpftool -j map dump pinned "$PORTMATRIX_PIN_DIR/abi" | jq -r '.[0].value[:8][]')
    # shellcheck disable=SC2046 # one word a byte
    bpftool map update pinned "$PORTMATRIX_PIN_DIR/abi" key 0 0 0 0 value "${bytes[@]}" \
        $(printf '%s' "$1" | od -An -v -tu1) $(printf '0 %.0s' $(seq $((24 - ${#1}))))
}

layouts_begin
run_cases "$@"
