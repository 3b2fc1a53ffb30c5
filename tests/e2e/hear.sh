# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Datagrams that the policy forbids, sent from the user to the Edge all the time. Sourced after lab.sh and
# cases.sh.

# What the Edge hears on the ports that the policy forbids (9) and permits (7).
begin_to_hear() {
    nsenter --net="/run/netns/$LAB_NET-edge" /usr/bin/python3 -u -c '
import select, socket
sockets = {}
for port in (7, 9):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("0.0.0.0", port))
    sockets[one] = port
while True:
    for one in select.select(list(sockets), [], [])[0]:
        print(sockets[one], one.recvfrom(100)[0].decode(), flush=True)
' >"$LAB/log/heard" 2>&1 &
    HEARER=$!
    lab_await edge udp 7
    lab_await edge udp 9
}
# Datagrams to port 9 of every address, without end. A wire that is not there yet is tried again.
begin_to_send() { # ADDRESS...
    nsenter --net="/run/netns/$LAB_NET-user" /usr/bin/python3 -u -c '
import socket, sys, time
while True:
    for address in sys.argv[1:]:
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            out.sendto(b"forbidden", (address, 9))
        except OSError:
            pass
        out.close()
    time.sleep(0.0005)
' "$@" >"$LAB/log/sent" 2>&1 &
    SENDER=$!
}
end_traffic() {
    kill "$SENDER" "$HEARER" 2>/dev/null || true
    wait "$SENDER" "$HEARER" 2>/dev/null || true
}
heard() { grep -c "^$1 " "$LAB/log/heard"; } # PORT
nothing_forbidden_passed() {
    expect_equal 0 "$(heard 9 || true)" "forbidden datagrams that passed"
}
