#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The roles of a policy are compared with the addresses of the host: by apply, `check --here` and doctor. A
# slip that would shut the host is refused.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

edge() { in_ns edge "$@"; }
examined() { OUTPUT=$(pm doctor) || true; } # other things may stand in its way

# NAME ADDRESSES: a policy for eth0 whose role has these addresses.
policy() {
    cat >"$LAB/$1.yaml" <<END
policy: $1
interfaces: { eth0: [edge] }
edge: { edge: $2 }
peers: { world: any }
matrix:
  - { id: web, transport: tcp, source: world, destination: edge, port: 443 }
END
}

# A unit without 'interfaces' was started again every second for ever.
case_a_service_without_an_interface_says_what_to_write() {
    mkdir "$LAB/etc"
    policy service "[$EDGE4]"
    sed /^interfaces/d "$LAB/service.yaml" >"$LAB/etc/policy.yaml"
    expect_status 0 pm restore --service
    expect_status 2 pm watch
    expect_output "policy.yaml names no interface, and none is attached: nothing is filtered"
    expect_output "write into it: interfaces: { eth0: [edge] }; then: systemctl start portmatrix"
    # Every role must be placed, so the line has all of them.
    sed -i "s/edge: {/edge: { other: interface, away: [192.0.2.250],/" "$LAB/etc/policy.yaml"
    expect_status 2 pm watch
    expect_output "write into it: interfaces: { eth0: [away, edge, other] }"
    rm "$LAB/etc/policy.yaml"
    grep -qx RestartPreventExitStatus=2 "$ROOT/packaging/systemd/portmatrix.service"
}

case_roles_that_fit_are_applied_without_a_warning() {
    policy fits "[$EDGE4, '$EDGE6']"
    expect_status 0 pm apply "$LAB/fits.yaml"
    refused grep "portmatrix: warning" <<<"$OUTPUT"
    expect_status 0 pm check --here "$LAB/fits.yaml"
    refused grep -E "in no role|does not have" <<<"$OUTPUT"
    examined
    expect_output "the roles fit the addresses of this host"
}

# A mistyped address: check, apply and doctor said nothing, and the host was dead.
case_an_interface_without_any_is_refused() {
    policy slip '[203.0.113.99]'
    expect_status 4 pm apply "$LAB/slip.yaml"
    expect_output "no address of eth0 is in a role"
    expect_output "it has $EDGE4, $EDGE6"
    expect_output "--confirm-within 60s"
    expect_equal fits "$(policy_in_force)" "the policy in force"
    expect_status 0 pm check --here "$LAB/slip.yaml"
    expect_output "slip.yaml:2:15: warning: no address of eth0 is in a role"
    expect_output "slip.yaml:3:16: warning: role 'edge' has 203.0.113.99, which this host does not have"
}

case_it_may_be_tried_or_forced() {
    expect_status 0 pm apply --confirm-within 60s "$LAB/slip.yaml"
    expect_output "warning: no address of eth0 is in a role"
    expect_status 0 pm rollback
    expect_status 0 pm apply --mode audit "$LAB/slip.yaml"
    expect_output "warning: no address of eth0 is in a role"
    expect_status 4 pm apply --mode enforce "$LAB/slip.yaml"
    expect_status 0 pm apply --mode enforce --force "$LAB/slip.yaml"
    examined
    expect_output "no address of eth0 is in a role"
    expect_status 0 pm apply "$LAB/fits.yaml"
}

# The quick start's policy cut all IPv6 and secondary addresses without a word.
case_what_would_be_cut_is_named() {
    policy one "[$EDGE4]"
    edge ip address add 203.0.113.11/32 dev eth0
    expect_status 0 pm apply "$LAB/one.yaml"
    expect_output "warning: 203.0.113.11 of eth0 is in no role that is placed there: everything to and from there is dropped but essentials"
    expect_output "warning: $EDGE6 of eth0 is in no role"
    expect_status 0 pm check --here "$LAB/one.yaml"
    expect_output "203.0.113.11 of eth0 is in no role"
    examined
    expect_output "203.0.113.11 of eth0 is in no role"
    edge ip address del 203.0.113.11/32 dev eth0
}

# A prefix in the place of an address passed check, and dropped the gateway.
case_a_prefix_with_the_gateway_is_told() {
    edge ip address add 10.9.0.2/24 dev eth0
    in_ns partner ip address add 10.9.0.1/24 dev eth0
    edge ip route replace default via 10.9.0.1 dev eth0
    policy prefix "[$EDGE4, '$EDGE6', 10.9.0.0/24]"
    expect_status 0 pm apply "$LAB/prefix.yaml"
    expect_output "role 'edge' has 255 addresses that this host does not have"
    expect_output "role 'edge' has 10.9.0.1, the gateway: all that it sends is dropped (own-address-spoofed)"
    edge ip route replace default dev eth0
    edge ip neighbour replace 10.9.0.7 lladdr 02:00:00:00:00:07 dev eth0
    expect_status 0 pm apply "$LAB/prefix.yaml"
    expect_output "role 'edge' has 10.9.0.7, a neighbour"
    refused grep -F "the gateway" <<<"$OUTPUT"
    edge ip address del 10.9.0.2/24 dev eth0
    in_ns partner ip address del 10.9.0.1/24 dev eth0
}

case_what_a_local_route_gives_to_this_host_is_its_own() {
    edge ip route add local 10.8.0.0/24 dev lo
    policy routed "[$EDGE4, '$EDGE6', 10.8.0.0/24]"
    expect_status 0 pm apply "$LAB/routed.yaml"
    refused grep "portmatrix: warning" <<<"$OUTPUT"
    edge ip route del local 10.8.0.0/24 dev lo
}

case_boot_is_not_refused() {
    expect_status 0 pm apply "$LAB/fits.yaml"
    edge ip address flush dev eth0 scope global
    edge ip address add 192.0.2.99/32 dev eth0
    expect_status 0 pm detach --all
    expect_status 0 pm restore
    edge ip address del 192.0.2.99/32 dev eth0
    edge ip address add "$EDGE4/32" dev eth0
    edge ip address add "$EDGE6/128" dev eth0 nodad
}

# Nothing was ever confirmed: the service applies its file.
case_nor_is_a_first_boot() {
    pm detach --all
    cp "$LAB/slip.yaml" "$LAB/etc/policy.yaml"
    export PORTMATRIX_STATE_DIR=$LAB/new PORTMATRIX_RUN_DIR=$LAB/new-run
    expect_status 0 pm restore --service
    expect_output "warning: no address of eth0 is in a role"
    expect_equal slip "$(policy_in_force)" "the policy in force"
    # Who has put it in force once is not refused again.
    expect_status 0 pm apply "$LAB/etc/policy.yaml"
    expect_output "warning: no address of eth0 is in a role"
    rm "$LAB/etc/policy.yaml"
    pm detach --all
    lab_use
    pm apply "$LAB/fits.yaml"
}

case_a_policy_that_names_no_interface() {
    cat >"$LAB/any.yaml" <<END
policy: everywhere
edge: { edge: [$EDGE4] }
peers: { world: any }
matrix:
  - { id: web, transport: tcp, source: world, destination: edge, port: 443 }
END
    expect_status 0 pm check --here "$LAB/any.yaml"
    expect_output "$EDGE6 of eth0 is in no role"
    expect_status 0 pm check --here -i lo "$LAB/any.yaml"
    expect_output "'lo' is the loopback, which is never filtered"
    expect_status 0 pm check --here -i eth7 "$LAB/any.yaml"
    expect_output "there is no interface 'eth7'"
    sed -i "s/$EDGE4/203.0.113.99/" "$LAB/any.yaml"
    expect_status 0 pm check --here "$LAB/any.yaml"
    expect_output "no interface of this host has an address of a role"
    expect_status 2 pm check -i eth0 "$LAB/any.yaml"
}

# apply -i eth0 of a policy for eth0 and eth1 left eth1 open.
case_a_name_on_the_command_line_adds_to_those_of_the_policy() {
    lab_wire eth1 10.44.0
    cat >"$LAB/two.yaml" <<END
policy: two
interfaces: { eth0: [edge], eth1: [inner] }
edge: { edge: [$EDGE4, "$EDGE6"], inner: [10.44.0.1] }
peers: { world: any }
matrix:
  - { id: web, transport: tcp, source: world, destination: edge, port: 443 }
  - { id: admin, transport: tcp, source: world, destination: inner, port: 22 }
END
    expect_status 0 pm apply -i eth0 "$LAB/two.yaml"
    expect_output "in force on eth0, eth1"
    expect_status 0 pm detach -i eth1
    edge ip link del eth1
    expect_status 0 pm apply "$LAB/fits.yaml"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
run_cases "$@"
