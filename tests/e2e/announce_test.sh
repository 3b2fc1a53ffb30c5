#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An interface is filtered before udev tells others of it: `watch --announce NAME` asks the `watch` that
# runs, and returns when it has looked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/keeping.sh
. "$here/keeping.sh"

# What udev's rule runs. The interface is filtered when the command ends.
case_an_announced_interface_is_filtered_at_once() {
    begin
    ip link add side netns "$LAB_NET-net" type veth peer name eth1 netns "$LAB_NET-edge"
    expect_status 0 pm apply -i eth1
    expect_equal 600 "$(stat -c %a "$LAB/run/watch.sock")" "mode of the socket"
    in_ns edge ip link delete eth1
    ip link add side netns "$LAB_NET-net" type veth peer name eth1 netns "$LAB_NET-edge"
    expect_status 0 pm watch --announce eth1
    expect_output "eth1 is filtered"
    expect_equal null "$(drift_of eth1)" drift
    expect_status 0 pm watch --announce lo
    expect_output "lo is in no policy in force, and is left alone"
}

# Without a running watch the command looks itself; where nothing is in force it leaves that to boot.
case_an_interface_is_announced_without_watch() {
    begin
    stop_watch KILL
    in_ns edge ip link delete eth1
    expect_status 0 pm apply
    ip link add side netns "$LAB_NET-net" type veth peer name eth1 netns "$LAB_NET-edge"
    expect_status 0 pm watch --announce eth0
    expect_output "eth0 is filtered"
    expect_status 0 pm detach --all
    expect_status 0 pm watch --announce eth0
    expect_output "nothing is in force yet"
    [ ! -e "$PORTMATRIX_PIN_DIR/abi" ]
    expect_status 0 pm restore
    expect_status 0 pm detach -i eth1
    in_ns edge ip link delete eth1
    expect_status 0 pm apply
}

# A watch that hangs must not hold up udev, nor may others than root ask.
case_an_announcement_ends_in_time() {
    local pid began
    begin
    pid=$(cat "$LAB/run/watch")
    chmod 0711 "$LAB" "$LAB/run"
    chmod 0666 "$LAB/run/watch.sock"
    expect_status 1 in_ns edge setpriv --reuid 65534 /usr/bin/python3 -c '
import socket, sys
ask = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ask.settimeout(3)
ask.connect(sys.argv[1])
ask.send(b"eth0")
print("answer:", ask.recv(100) or sys.exit(1))' "$LAB/run/watch.sock"
    refused grep "answer: b.0" <<<"$OUTPUT"
    chmod 0700 "$LAB" "$LAB/run"
    kill -STOP "$pid"
    began=$SECONDS
    expect_status 1 pm watch --announce eth0
    expect_output "has not answered about eth0"
    [ $((SECONDS - began)) -le 8 ]
    kill -CONT "$pid"
    expect_status 0 pm watch --announce eth0
}

lab_make
trap 'lab_remove "$LAB"' EXIT
pm apply -i eth0 "$here/edge.yaml"
run_cases "$@"
