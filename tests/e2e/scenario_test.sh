#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The scenario of vagrant/, unchanged, over network namespaces. A reboot of the edge removes its link, its
# flows and what the kernel and /run hold. Its services keep running, so they listen all the time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=vagrant/steps.sh
. "$ROOT/vagrant/steps.sh"

on() {
    local host=$1
    shift
    (cd "$LAB/$host" && in_ns "$host" env PATH="$(dirname "$PORTMATRIX"):$PATH" "$@")
}

copy_to() { cp -r "${@:2}" "$LAB/$1"; }

# As the systemd unit does it: the policy before the network.
boot_edge() {
    lab_plug edge eth1
    in_ns edge ip link set eth1 address 02:00:00:00:56:10
    pm restore
    lab_up edge "$EDGE" fd00:56::10 eth1
}

reboot_edge() {
    in_ns net ip link delete edge
    umount "$LAB/bpf"
    rm -rf "${LAB:?}/run"
    mount -t bpf -o mode=700 bpf "$LAB/bpf"
    boot_edge
}

start_edge() {
    mkdir -p "$LAB/etc"
    cp "$ROOT/vagrant/edge/policy.yaml" "$PORTMATRIX_POLICY_FILE"
    boot_edge
    copy_to edge "$ROOT"/vagrant/edge/* "$WORK/tls"
    lab_start edge kamailio kamailio -DD -E -f "$LAB/edge/kamailio.cfg" -Y "$LAB/edge" -P "$LAB/edge/kamailio.pid"
    lab_start edge turn turnserver -c "$LAB/edge/turnserver.conf" --log-file stdout --simple-log \
        --pidfile "$LAB/edge/turn.pid" --userdb "$LAB/edge/turn.db"
    lab_await edge tcp 443 5061 5060
    lab_await edge udp 3478 5060
}

lab_base
trap 'lab_remove "$LAB"' EXIT
WORK=$LAB/work
mkdir "$WORK" "$LAB/edge" "$LAB/partner" "$LAB/client"
"$ROOT/vagrant/certificates" "$WORK/tls"
lab_space edge
lab_host partner "$PARTNER" fd00:56::20 eth1
lab_host client "$CLIENT" fd00:56::30 eth1
start_edge
start_peers
run_cases "$@"
