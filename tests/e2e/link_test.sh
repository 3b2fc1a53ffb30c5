#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where addresses are: the programs are told by apply and by watch, and what they are told follows the
# host's addresses. What is on the link IGMP shows, which passes from there alone; what is this host's own a
# role that is `interface`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

edge_address() { in_ns edge ip address "$@"; } # add|del ADDRESS dev LINK

# SOURCE: sends an IGMP report of version 2, and prints what becomes of it.
report() {
    local passed dropped
    passed=$(arrived)
    dropped=$(drop_count in malformed-essential)
    in_ns user /usr/bin/python3 - "$1" <<'END'
import logging
import sys
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import IP, Ether, IPOption_Router_Alert, Raw, sendp
report = Raw(bytes.fromhex("1600f9faef010203"))
packet = IP(src=sys.argv[1], dst="239.1.2.3", ttl=1, proto=2, options=[IPOption_Router_Alert()])
sendp(Ether(dst="01:00:5e:01:02:03") / packet / report, iface="eth0", verbose=False)
END
    wait_for 20 counted "$passed" "$dropped"
    if [ "$(drop_count in malformed-essential)" = "$dropped" ]; then echo passed; else echo dropped; fi
}
arrived() { in_ns edge nft -j list counter inet seen reports | jq '.nftables[] | .counter // empty | .packets'; }
counted() { # PASSED DROPPED before
    [ "$(arrived)" != "$1" ] ||
        [ "$(drop_count in malformed-essential)" != "$2" ]
}
report_is() { [ "$(report "$2")" = "$1" ]; } # passed|dropped SOURCE

watching() { # each case can be run alone
    if [ ! -s "$LAB/run/watch" ] || [ ! -e "/proc/$(cat "$LAB/run/watch")" ]; then start_watch; fi
}

case_apply_tells_the_subnets() {
    pm apply --force -i eth0 "$LAB/link.yaml"
    report_is passed 192.0.2.14
    report_is dropped 192.0.2.17
    report_is dropped "$USER4" # all addresses of the lab stand alone
    report_is passed 0.0.0.0
}

case_watch_follows_the_addresses() {
    watching
    report_is dropped 198.18.7.7
    edge_address add 198.18.7.1/24 dev eth0
    wait_for 20 report_is passed 198.18.7.7
    report_is passed 192.0.2.14
    edge_address del 198.18.7.1/24 dev eth0
    wait_for 20 report_is dropped 198.18.7.7
    report_is passed 192.0.2.14
}

# A macvlan stands on eth0, whose program sees its packets. A tunnel does so too, but its subnet is
# elsewhere.
case_subnets_of_what_stands_on_it() {
    watching
    in_ns edge ip link add link eth0 name upper up type macvlan
    edge_address add 198.18.8.1/24 dev upper
    wait_for 20 report_is passed 198.18.8.7
    in_ns edge ip link delete upper
    wait_for 20 report_is dropped 198.18.8.7
    in_ns edge ip link add vx up type vxlan id 7 dev eth0 dstport 4789
    edge_address add 198.18.9.1/24 dev vx
    edge_address add 198.18.10.1/24 dev eth0
    wait_for 20 report_is passed 198.18.10.7
    report_is dropped 198.18.9.7
}

# A role that is `interface` is what this host has, and no more: not what it would route on, whatever the
# interface itself says of routing.
case_an_interface_has_the_addresses_of_this_host() {
    watching
    in_ns edge sysctl -qw net.ipv4.conf.inner.forwarding=1
    pings user 198.18.20.1 1
    wait_for 20 refused pings user 198.18.20.2 1
    in_ns edge ip address add 198.18.20.2/32 dev lo
    wait_for 20 pings user 198.18.20.2 1
    in_ns edge ip address del 198.18.20.2/32 dev lo
    wait_for 20 refused pings user 198.18.20.2 1
    in_ns edge sysctl -qw net.ipv4.conf.inner.forwarding=0
}

# Where nothing is forwarded nobody need follow: what is not this host's goes nowhere.
case_without_watch_an_interface_has_new_addresses() {
    watching
    wait_for 20 nothing_is_forwarded
    stop_watch TERM
    in_ns edge ip address add 198.18.20.3/32 dev lo
    pings user 198.18.20.3 1
    in_ns edge ip address del 198.18.20.3/32 dev lo
}
# An address that this host has not is dropped by the stack, not as forwarded.
nothing_is_forwarded() {
    local before
    before=$(drop_count in forwarded)
    refused pings user 198.18.20.4 1
    [ "$(drop_count in forwarded)" = "$before" ]
}

# IPv6 forwards where conf.all says so, and asks the device for something else.
case_a_host_behind_is_not_this_host() {
    watching
    in_ns edge sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.eth0.forwarding=0
    pings user 2001:db8:77::1 1
    local before
    before=$(drop_count in forwarded)
    refused pings user 2001:db8:77::2 1
    [ "$(drop_count in forwarded)" -gt "$before" ]
    pm detach --all
    pings user 2001:db8:77::2 1
    in_ns edge sysctl -qw net.ipv6.conf.all.forwarding=0
    pm apply --force -i eth0 "$LAB/link.yaml"
}

# Nor does anything tell of this way to forward but the device's own setting (Linux 6.17).
case_a_device_that_is_made_to_forward() {
    local forced=/proc/sys/net/ipv6/conf/eth0/force_forwarding before
    if ! in_ns edge test -e "$forced"; then echo "# this kernel has no such setting"; return; fi
    watching
    in_ns edge sh -c "echo 1 >$forced"
    before=$(drop_count in forwarded)
    wait_for 20 is_dropped_as_forwarded "$before"
    in_ns edge sh -c "echo 0 >$forced"
}
is_dropped_as_forwarded() { # COUNT before
    refused pings user 2001:db8:77::2 1
    [ "$(drop_count in forwarded)" -gt "$1" ]
}

# OCTET COUNT add|del: so many subnets of two addresses. Each is a subnet and an own address.
subnets() {
    local i
    for i in $(seq 0 $(($2 - 1))); do echo "address $3 10.$1.$((i / 128)).$((i % 128 * 2))/31 dev eth0"; done
}

# More than there is room for: what was known stays known, and it is said.
case_more_addresses_than_there_is_room_for() {
    watching
    subnets 1 8192 add | in_ns edge ip -batch -
    wait_for 20 watch_said "more than 16384"
    report_is passed 192.0.2.14
    sed -i 's/policy: link/policy: links/' "$LAB/link.yaml"
    expect_status 0 pm apply --force -i eth0 "$LAB/link.yaml"
    expect_output "is dropped, and IGMP from new subnets"
    report_is passed 192.0.2.14
    subnets 1 8192 del | in_ns edge ip -batch -
}

# Old and new ones together are more than there is room for.
case_many_addresses_take_the_place_of_many() {
    watching
    subnets 2 5000 add | in_ns edge ip -batch -
    wait_for 20 report_is passed 10.2.1.9
    stop_watch TERM
    subnets 2 5000 del | in_ns edge ip -batch -
    subnets 3 5000 add | in_ns edge ip -batch -
    start_watch
    wait_for 20 report_is passed 10.3.1.9
    report_is dropped 10.2.1.9
}

lab_make
trap 'lab_remove "$LAB"' EXIT
cat >"$LAB/link.yaml" <<END
policy: link
interfaces: { eth0: [edge] }
edge: { edge: interface }
peers: { everyone: any }
matrix:
  - { id: ping, transport: [icmp, icmpv6], source: everyone, destination: edge }
END
in_ns edge nft -f - <<'END'
table inet seen {
    counter reports { }
    chain in {
        type filter hook prerouting priority 0
        ip daddr 239.1.2.3 counter name reports
    }
}
END
edge_address add 198.18.20.1/32 dev lo
lab_guest
in_ns user ip -6 route add 2001:db8:77::/64 via "$EDGE6" dev eth0 onlink
pm apply --force -i eth0 "$LAB/link.yaml"
edge_address add 192.0.2.9/28 dev eth0 # told by the next apply, or by watch
run_cases "$@"
