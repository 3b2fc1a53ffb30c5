# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Wires from the Edge to the user that can be plugged under any name, and datagrams that the policy
# forbids, sent all the time. Sourced by nics_test.sh, after lab.sh.

export A=02:00:00:00:0a:01 B=02:00:00:00:0b:01 C=02:00:00:00:0c:01

# What a wire is known by is the user's end. Its addresses are those of a network of its own.
network_of() { # USERS_END
    case $1 in
        wan0) echo 192.0.2 ;;
        lan0) echo 198.51.100 ;;
        *) echo 203.0.113 ;;
    esac
}

# USERS_END NAME ADDRESS: a wire from the Edge to the user. Its ends are .1 and .2 of the network that the
# user's end stands for, whatever the Edge's end is called.
plug() {
    local network
    network=$(network_of "$1")
    ip link add "$1" netns "$LAB_NET-user" type veth peer name "$2" netns "$LAB_NET-edge" address "$3"
    in_ns user ip address add "$network.2/24" dev "$1"
    in_ns user ip link set "$1" up
}
raise() { # USERS_END NAME: the Edge's end comes up, as the network does after the firewall
    local network
    network=$(network_of "$1")
    in_ns edge ip address add "$network.1/24" dev "$2" 2>/dev/null || true
    in_ns edge ip link set "$2" up
    in_ns user ip neighbour replace "$network.1" lladdr "$(address_of "$2")" dev "$1"
}
# While a veth goes down, its native XDP program is off for a moment before the device is, which no real
# card does (docs/threat-model.md): then nothing is sent.
swap_names() {
    kill -STOP "$SENDER"
    in_ns edge ip link set wan0 down
    in_ns edge ip link set lan0 down
    kill -CONT "$SENDER"
    in_ns edge ip link set wan0 name other
    in_ns edge ip link set lan0 name wan0
    in_ns edge ip link set other name lan0
    in_ns edge ip link set wan0 up
    in_ns edge ip link set lan0 up
}
unplug() { in_ns user ip link delete "$1" 2>/dev/null || true; } # USERS_END
address_of() { in_ns edge ip -j link show dev "$1" | jq -r '.[0].address'; }

# The end of a boot: nothing is in the kernel or in /run, the disk is as it was.
forget_kernel() {
    [ ! -s "$LAB/run/watch" ] || kill "$(cat "$LAB/run/watch")" 2>/dev/null || true # of a case that failed
    rm -rf "${PORTMATRIX_PIN_DIR:?}" "${PORTMATRIX_RUN_DIR:?}"
    if in_ns edge nft list table inet portmatrix-closed >/dev/null 2>&1; then
        in_ns edge nft delete table inet portmatrix-closed
    fi
}

# Two interfaces, confirmed; then both are unplugged, and the kernel has forgotten all.
confirmed_on_two() {
    unplug wan0
    unplug lan0
    forget_kernel
    plug wan0 wan0 $A
    plug lan0 lan0 $B
    pm apply -i wan0 -i lan0 "$POLICY"
    unplug wan0
    unplug lan0
    forget_kernel
}

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
# Datagrams to port 9 by every wire there is, without end. A wire that is not there yet is tried again.
begin_to_send() {
    nsenter --net="/run/netns/$LAB_NET-user" /usr/bin/python3 -u -c '
import socket, time
while True:
    for address in ("192.0.2.1", "198.51.100.1"):
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            out.sendto(b"forbidden", (address, 9))
        except OSError:
            pass
        out.close()
    time.sleep(0.0005)
' >"$LAB/log/sent" 2>&1 &
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
# USERS_END WORD: a datagram that the policy permits. One that is sent as soon as the wire is up may be
# lost.
permitted_passes() { wait_for 10 permitted_comes "$@"; }
permitted_is_dropped() { refused permitted_comes "$@"; }
permitted_comes() {
    local network
    network=$(network_of "$1")
    in_ns user bash -c "echo -n $2 >/dev/udp/$network.1/7"
    wait_for 2 grep -q "^7 $2" "$LAB/log/heard"
}

of() { status -i "$1" | jq -r "$2"; } # INTERFACE FILTER
state_of() { status | jq -rs 'map("\(.interface) \(.mode) \(.drift)") | join(", ")'; }

has_history() { pm history --json | jq -r 'select(.action == "attach") | .message' | grep -F -- "$1" >/dev/null; }
is_open_again() { ! in_ns edge nft list table inet portmatrix-closed 2>/dev/null; }
index_of() { in_ns edge ip -j link show dev "$1" | jq '.[0].ifindex'; }
