# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Wires from the Edge to the user that can be plugged under any name. Sourced by nics_test.sh, after
# lab.sh and hear.sh.

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

begin_traffic() {
    begin_to_hear
    begin_to_send 192.0.2.1 198.51.100.1
}
# USERS_END WORD: a datagram that the policy permits. One that is sent as soon as the wire is up may be
# lost.
permitted_passes() { wait_for 20 permitted_comes "$@"; }
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
closing_is_held() { in_ns edge nft list table inet "$(cat "$LAB/run/closed.held")" | grep "iif .* drop" >/dev/null; }
is_open_again() { ! in_ns edge nft list table inet portmatrix-closed 2>/dev/null; }
index_of() { in_ns edge ip -j link show dev "$1" | jq '.[0].ifindex'; }
