#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Which devices can be filtered, and what they are called: those without an Ethernet header, those
# that come back as another kind, those with several names, those that are renamed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

interfaces() { pm status --json | jq -cs 'map(.interface)'; }
drift() { pm status --json -i "$1" | jq -r .drift; }
has_drift() { [ "$(drift "$1")" = "$2" ]; }
said() { grep -qF -- "$1" "$LAB/log/watch"; }
told() { pm history --json | jq -r .message | grep -cF -- "$1"; }
is_closed() { ! tcp_talks attacker "$EDGE4" 22; }
index_of() { in_ns edge ip -j link show dev "$1" | jq '.[0].ifindex'; }

make_tun() { # NAME
    in_ns edge ip tuntap add "$1" mode tun
    in_ns edge ip link set "$1" up
}
make_veth() { in_ns edge ip link add "$1" type veth peer name "${1}p"; }

case_a_device_without_an_ethernet_header_is_refused() {
    make_tun tun7
    expect_status 2 pm apply -i tun7 "$here/edge.yaml"
    expect_output "tun7 cannot be filtered: its packets have no Ethernet header"
    expect_output "the Ethernet device that its packets come by"
    [ ! -e "$PORTMATRIX_PIN_DIR" ]
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    expect_status 2 pm apply -i tun7
    expect_output "generation 1 stays in force on eth0"
    expect_equal '["eth0"]' "$(interfaces)" interfaces
    is_closed
    expect_status 0 pm doctor --json -i tun7
    jq -es 'any(.check == "link-type" and .interface == "tun7" and .grade == "note")' <<<"$OUTPUT" >/dev/null
    in_ns edge ip link delete tun7
}

# Its place in the policy is kept, and nothing else stays open for it.
case_a_device_that_comes_back_without_an_ethernet_header_is_left_alone() {
    make_veth spare
    make_veth late
    expect_status 0 pm apply -i spare -i late
    pm detach --all
    in_ns edge ip link delete late
    expect_status 0 pm restore
    lab_start edge watch "$PORTMATRIX" watch
    wait_for 10 said "watching:"
    in_ns edge ip link delete spare
    make_tun spare
    wait_for 10 said "spare cannot be filtered"
    has_drift spare attachment
    refused grep -q prog/xdp < <(in_ns edge ip -d link show dev spare)
    expect_status 1 pm doctor --json -i spare
    jq -es 'any(.check == "attachment" and .interface == "spare" and .grade == "wrong" and
        (.message | contains("no Ethernet header")))' <<<"$OUTPUT" >/dev/null
    make_veth late
    wait_for 10 said "late has appeared, and is attached"
    is_closed
    expect_status 2 pm apply
    expect_output "portmatrix detach -i spare"
    in_ns edge ip link delete spare
    make_veth spare
    wait_for 10 has_drift spare null
    expect_equal 1 "$(told "spare: spare cannot be filtered")" "times told"
    kill "$(cat "$LAB/run/watch")"
    in_ns edge ip link delete spare
    expect_status 0 pm detach -i spare
}

case_a_boot_filters_the_rest() {
    expect_status 0 pm apply
    pm detach --all
    in_ns edge ip link delete late
    make_tun late
    expect_status 1 pm restore
    expect_output "in force on eth0, and not on every interface: late cannot be filtered"
    expect_equal '["eth0"]' "$(interfaces)" interfaces
    is_closed
    in_ns edge ip link delete late
    expect_status 0 pm detach --all
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
run_cases "$@"
