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

interfaces() { pm status --json | jq -cs 'map(.interface) | sort'; }
has_drift() { [ "$(drift_of "$1")" = "$2" ]; }
history_count() { pm history --json | jq -r .message | grep -cF -- "$1"; }
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
    ssh_is_closed
    expect_status 0 pm doctor --json -i tun7
    jq -es 'any(.check == "link-type" and .interface == "tun7" and .grade == "note")' <<<"$OUTPUT" >/dev/null
    in_ns edge ip link delete tun7
}

# The policy keeps its place for it, and no other interface stays open because of it.
case_a_device_that_comes_back_without_an_ethernet_header_is_left_alone() {
    make_veth spare
    make_veth late
    expect_status 0 pm apply -i spare -i late
    pm detach --all
    in_ns edge ip link delete late
    expect_status 1 pm restore
    expect_output "late is absent"
    lab_start edge watch "$PORTMATRIX" watch
    wait_for 20 watch_said "watching:"
    in_ns edge ip link delete spare
    make_tun spare
    wait_for 20 watch_said "spare cannot be filtered"
    has_drift spare attachment
    refused grep -q prog/xdp < <(in_ns edge ip -d link show dev spare)
    expect_status 1 pm doctor --json -i spare
    jq -es 'any(.check == "attachment" and .interface == "spare" and .grade == "wrong" and
        (.message | contains("no Ethernet header")))' <<<"$OUTPUT" >/dev/null
    make_veth late
    wait_for 20 watch_said "late has appeared, and is attached"
    ssh_is_closed
    expect_status 2 pm apply
    expect_output "portmatrix detach -i spare"
    in_ns edge ip link delete spare
    make_veth spare
    wait_for 20 has_drift spare null
    expect_equal 1 "$(history_count "spare: spare cannot be filtered")" "times told"
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
    expect_equal '["eth0","late"]' "$(interfaces)" interfaces
    has_drift late attachment
    expect_equal parachute "$(pm status -i late --json | jq -r .mode)" "mode of late"
    ssh_is_closed
    in_ns edge ip link delete late
    expect_status 0 pm detach --all
}

# Whichever of its names is used, it is one interface, shown by its own name.
case_an_alternative_name_is_that_of_the_interface() {
    local about
    in_ns edge ip link property add dev eth0 altname foo0
    expect_status 0 pm apply -i foo0 "$here/edge.yaml"
    expect_output "is in force on eth0"
    expect_equal '["eth0"]' "$(interfaces)" interfaces
    ssh_is_closed
    expect_status 0 pm apply -i foo0 -i eth0
    expect_equal '["eth0"]' "$(interfaces)" interfaces
    expect_equal '["eth0"]' "$(pm status -i foo0 -i eth0 --json | jq -cs 'map(.interface)')" "of these names"
    expect_status 0 pm doctor --json -i foo0
    jq -es 'any(.check == "ingress" and .interface == "eth0")' <<<"$OUTPUT" >/dev/null
    pm detach --all
    expect_status 0 pm restore
    expect_equal '["eth0"]' "$(interfaces)" interfaces
    # A generation of an older version may contain an alternative name, and knows no NICs.
    pm detach --all
    about=$LAB/state/generations/$(jq .generation "$LAB/state/confirmed.json")/about.json
    jq '.interfaces = ["foo0"] | del(.nics, .others)' "$about" >"$LAB/about.json"
    cat "$LAB/about.json" >"$about"
    expect_status 0 pm restore
    expect_equal '["eth0"]' "$(interfaces)" interfaces
    ssh_is_closed
    expect_status 0 pm detach -i foo0
    expect_output "eth0 is now unfiltered"
    # A policy is stored with the interface's own name, since alternative names may appear late at boot.
    local placed
    placed=$(variant placed)
    printf 'interfaces:\n  foo0: [access, av, host]\n' >>"$placed"
    expect_status 2 pm apply "$placed"
    expect_output "places a role on foo0, which is another name of eth0"
    expect_output "write eth0 under 'interfaces'"
    sed -i 's/foo0:/eth0:/' "$placed"
    expect_status 0 pm apply "$placed"
    expect_status 0 pm apply -i foo0 "$placed"
    expect_status 0 pm detach --all
    in_ns edge ip link property del dev eth0 altname foo0
}

rename() { # FROM TO
    in_ns edge ip link set "$1" down
    in_ns edge ip link set "$1" name "$2"
    in_ns edge ip link set "$2" up
    in_ns edge ip route replace default dev "$2"
    in_ns edge ip -6 route replace default dev "$2"
}

# A renamed interface stays filtered and is shown by its old name, with a drift; an apply takes over the
# new name.
case_a_renamed_device_is_the_interface_that_it_was() {
    expect_status 0 pm apply -i eth0 "$(variant one)"
    rename eth0 ren0
    ssh_is_closed
    tcp_talks user "$EDGE4" 22
    expect_equal '["eth0"]' "$(interfaces)" interfaces
    expect_equal name "$(drift_of eth0)" drift
    expect_equal name "$(drift_of ren0)" "drift by the name of now"
    pm status | grep -F "its name is ren0 now" >/dev/null
    expect_status 0 pm doctor --json -i ren0
    jq -es 'any(.check == "name" and .interface == "ren0" and .grade == "warning" and
        (.message | contains("as eth0"))) and any(.check == "ingress" and .grade == "ok")' <<<"$OUTPUT" >/dev/null
    # A device that now has the old name is another interface.
    make_veth eth0
    expect_status 0 pm apply -i ren0 "$(variant two)" --confirm-within 100s
    expect_output "is in force on ren0"
    expect_status 0 pm rollback
    expect_equal name "$(drift_of ren0)" "drift of what was rolled back"
    lab_start edge watch "$PORTMATRIX" watch
    wait_for 20 watch_said "watching:"
    kill "$(cat "$LAB/run/watch")"
    ssh_is_closed
    # Nobody knows what the other one is, which has the name of an interface of the policy: it is closed.
    expect_equal "[\"eth0\",\"eth0:$(index_of eth0)\"]" "$(interfaces)" "interfaces of the one before"
    expect_status 0 pm apply "$LAB/two.yaml" --confirm-within 100s
    expect_status 0 pm confirm
    expect_equal '["ren0"]' "$(interfaces)" interfaces
    expect_equal null "$(drift_of ren0)" drift
    expect_status 0 pm apply -i eth0
    expect_equal '["eth0","ren0"]' "$(pm status --json | jq -cs 'map(.interface) | sort')" interfaces
    expect_status 0 pm detach -i eth0
    in_ns edge ip link delete eth0
    ssh_is_closed
    # The command means this device, whether its new name is known yet or not.
    rename ren0 eth0
    expect_status 0 pm apply
    expect_output "is in force on eth0"
    rename eth0 ren0
    expect_status 0 pm detach -i ren0
    tcp_talks attacker "$EDGE4" 22
    rename ren0 eth0
}

# Its zone follows from the name that it has in the policy in force.
case_a_policy_with_zones_follows_a_rename_by_an_apply() {
    expect_status 0 pm apply -i eth0 "$LAB/placed.yaml"
    rename eth0 ren0
    tcp_talks user "$EDGE4" 22
    expect_status 1 pm apply
    expect_output "there is no interface 'eth0'"
    expect_output "stays in force"
    make_veth late
    sed 's/eth0:/ren0:/; s/placed/moved/' "$LAB/placed.yaml" >"$LAB/moved.yaml"
    echo '  late: [access, av, host]' >>"$LAB/moved.yaml"
    expect_status 0 pm apply "$LAB/moved.yaml"
    tcp_talks user "$EDGE4" 22
    ssh_is_closed
    rename ren0 eth0
    in_ns edge ip link delete late
    # An interface that comes late is filtered beside it, and the zones stay.
    expect_status 0 pm detach -i late
    rm "$LAB/run/detached"
    lab_start edge watch "$PORTMATRIX" watch
    wait_for 20 watch_said "watching:"
    make_veth late
    wait_for 20 watch_said "late has appeared, and is attached"
    kill "$(cat "$LAB/run/watch")"
    tcp_talks user "$EDGE4" 22
    ssh_is_closed
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
run_cases "$@"
