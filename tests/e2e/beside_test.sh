#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Beside other filters of the same host: nftables before and behind the programs, and containers
# whose ports Debian's Docker publishes. A packet must pass all of them; none opens what another
# has closed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

beside_policy() {
    cat <<EOF
policy: beside
edge:
  host: [$EDGE4, "$EDGE6"]
peers:
  world: any
matrix:
  - { id: web, transport: tcp, source: world, destination: host, port: 8000-8003 }
  - { id: ask, transport: tcp, source: host, destination: world, port: 9000 }
handed-over-ipv6: accept
EOF
}

fetches() { # PORT
    in_ns user curl -sf --max-time $((2 * SLOW)) -o /dev/null "http://$EDGE4:$1/busybox"
}

nft() { in_ns edge nft "$@"; }

nft_packets() { # COUNTER
    nft -j list counter inet beside "$1" | jq '.nftables[] | .counter? // empty | .packets'
}

case_what_nftables_drops_stays_dropped() {
    nft -f - <<'EOF'
table inet beside {
    counter dropped { }
    counter seen { }
    counter sent { }
    chain input {
        type filter hook input priority 0; policy accept;
        tcp dport 8001 counter name dropped drop
        tcp dport 8080 counter name seen accept
    }
    chain output {
        type filter hook output priority 0; policy accept;
        tcp dport 9000 counter name sent drop
    }
}
EOF
    tcp_talks user "$EDGE4" 8000
    refused tcp_talks user "$EDGE4" 8001
    [ "$(nft_packets dropped)" -gt 0 ]
}

# XDP comes first on the way in: nftables does not see what the matrix does not name.
case_what_nftables_accepts_is_not_opened_by_it() {
    refused tcp_talks user "$EDGE4" 8080
    expect_equal 0 "$(nft_packets seen)" "packets that nftables saw"
}

# On the way out netfilter comes first: the programs do not see what it drops.
case_on_the_way_out_nftables_comes_first() {
    local before
    before=$(row_count ask packets_out)
    refused tcp_talks edge "$PARTNER4" 9000
    [ "$(nft_packets sent)" -gt 0 ]
    expect_equal "$before" "$(row_count ask packets_out)" "packets of the row"
    nft delete table inet beside
    tcp_talks edge "$PARTNER4" 9000
}

docker() { in_ns edge docker -H "unix://$LAB/docker.sock" "$@"; }

forwarded_packets() {
    pm status --json | jq '[.drops[] | select(.reason == "forwarded") | .packets] | add // 0'
}

# NAME PORT DOCKER-OPTION...: a web server on this port
box() {
    local name=$1 port=$2
    shift 2
    docker run -d --name "$name" "$@" box /bin/busybox httpd -f -p "$port" -h /bin
}

published_box() { box bridged 80 -p "$EDGE4:8002:80" -p "$EDGE4:8005:80" -p "[$EDGE6]:8002:80"; }

box_asks() { # PORT
    [ "$(echo hello | docker exec -i bridged /bin/busybox timeout $((3 * SLOW)) \
        /bin/busybox nc "$PARTNER4" "$1")" = hello ]
}

start_docker() {
    lab_start edge dockerd dockerd -H "unix://$LAB/docker.sock" --data-root "$LAB/docker" \
        --exec-root "$LAB/dockerd" -p "$LAB/dockerd.pid" --cgroup-parent "/$LAB_NET" \
        --userland-proxy=false --storage-driver vfs --ipv6 --fixed-cidr-v6 fd00:d0c::/64 \
        --experimental --ip6tables
    wait_for 60 docker info
}

stop_docker() {
    kill "$(cat "$LAB/dockerd.pid")"
    wait_for 20 test ! -e "$LAB/dockerd.pid"
}

docker_stop() {
    local daemon
    [ -e "$LAB/dockerd.pid" ] || return 0
    daemon=$(cat "$LAB/dockerd.pid")
    docker rm -f bridged named unnamed >/dev/null 2>&1 || true
    kill "$daemon"
    wait_for 20 refused kill -0 "$daemon" || true
    findmnt -rno TARGET | awk -v at="$LAB/docker" 'index($1, at) == 1' | sort -r | xargs -r -n 1 umount
    find /sys/fs/cgroup -maxdepth 2 -type d -name "$LAB_NET" -exec rmdir {} +
}

# Debian's Docker in the Edge's network alone; its image is one static busybox. What it publishes and the
# matrix names is this host's, and nothing else is.
case_a_port_that_docker_publishes_needs_a_row() {
    start_docker
    mkdir -p "$LAB/image/bin"
    cp /bin/busybox "$LAB/image/bin"
    tar -C "$LAB/image" -c . | docker import - box >/dev/null
    published_box
    wait_for 20 fetches 8002
    refused fetches 8005
    in_ns user curl -sf --max-time $((2 * SLOW)) -o /dev/null "http://[$EDGE6]:8002/busybox"
}

case_a_bridged_container_opens_what_a_row_permits() {
    box_asks 9000
    refused box_asks 9001
}

case_docker_starts_and_stops_under_the_policy() {
    docker restart -t 1 bridged
    wait_for 20 fetches 8002
    stop_docker
    refused fetches 8002
    start_docker
    docker start bridged
    wait_for 20 fetches 8002
    refused fetches 8005
}

# Without NAT it is another host.
case_a_container_that_is_not_translated_is_foreign() {
    local before
    before=$(forwarded_packets)
    nft insert rule ip nat POSTROUTING ip daddr "$PARTNER4" accept
    refused box_asks 9000
    [ "$(forwarded_packets)" -gt "$before" ]
    nft delete rule ip nat POSTROUTING handle "$(nft -a list chain ip nat POSTROUTING |
        sed -n "s/.*$PARTNER4.*# handle //p")"
    box_asks 9000
}

# Docker makes and removes rules of its own. The parachute stays, and what it publishes stays closed.
case_docker_opens_nothing_under_the_parachute() {
    wait_for 20 is_rendered
    pm detach --all
    rm -rf "$LAB/run"
    expect_status 1 in_ns edge /usr/bin/python3 "$here/without_bpf.py" "$PORTMATRIX" restore
    docker_under_the_parachute
    docker rm -f bridged >/dev/null
    stop_docker
    start_docker
    published_box
    docker_under_the_parachute
    expect_status 0 pm restore
    refused nft list table inet portmatrix-parachute
    wait_for 20 fetches 8002
}
docker_under_the_parachute() {
    nft list table inet portmatrix-parachute >/dev/null
    refused fetches 8002
    refused box_asks 9000
    tcp_talks user "$EDGE4" 8000
}
is_rendered() { test -e "$LAB/state/parachute/rendered"; }

# In audit mode both work, so the matrix alone stops them.
case_without_the_matrix_both_would_work() {
    pm apply --mode audit "$LAB/policy.yaml"
    wait_for 20 fetches 8005
    wait_for 20 box_asks 9001
    pm apply --mode enforce "$LAB/policy.yaml"
    refused fetches 8005
}

case_a_container_in_the_hosts_network_is_a_service_as_any() {
    box named 8003 --network host
    box unnamed 8004 --network host
    wait_for 20 fetches 8003
    wait_for 20 is_listening edge tcp 8004
    refused fetches 8004
}

lab_make
trap 'docker_stop; lab_remove "$LAB"' EXIT
beside_policy >"$LAB/policy.yaml"
pm apply -i eth0 "$LAB/policy.yaml"
lab_echo edge 8000 8001 8080
lab_echo partner 9000 9001
lab_await edge tcp 8000 8001 8080
lab_await partner tcp 9000 9001
run_cases "$@"
