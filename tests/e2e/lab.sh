# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A lab of network namespaces: the Edge, a partner, a messenger client, a user and an attacker on
# one Ethernet, each with an IPv4 and an IPv6 address, and the programs that really speak on these
# ports. Sourced by the end-to-end tests and by scripts/demo.
#
# Everything lies in one folder, $LAB: bpffs, state and run folder of its portmatrix, certificates, logs.
# The last part of its name is in the names of the namespaces, so that several labs can exist and
# lab_remove finds what belongs to one. The host's own network is never touched.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PORTMATRIX=${PORTMATRIX:-$ROOT/build/release/portmatrix}
export NO_COLOR=1
# All waiting times are multiplied by this: an emulated machine is slow.
SLOW=${PM_SLOW:-1}

EDGE4=203.0.113.10 EDGE6=2001:db8:10::10
PARTNER4=198.51.100.7 PARTNER6=2001:db8:20::7
MESSENGER4=192.0.2.20 MESSENGER6=2001:db8:30::20
USER4=192.0.2.40 USER6=2001:db8:40::40
ATTACKER4=192.0.2.66 ATTACKER6=2001:db8:66::66
export VLAN_EDGE=203.0.113.138 VLAN_USER=203.0.113.200

lab_make() {
    lab_base
    lab_host edge "$EDGE4" "$EDGE6"
    lab_host partner "$PARTNER4" "$PARTNER6"
    lab_host messenger "$MESSENGER4" "$MESSENGER6"
    lab_host user "$USER4" "$USER6"
    lab_host attacker "$ATTACKER4" "$ATTACKER6"
}

# A lab without hosts.
lab_base() {
    [ "$(id -u)" -eq 0 ] || { echo "the lab needs root" >&2; return 1; }
    [ -x "$PORTMATRIX" ] || { echo "no $PORTMATRIX: run scripts/build" >&2; return 1; }
    LAB=$(mktemp -d /run/portmatrix-lab.XXXXXX)
    export LAB
    lab_use
    mkdir -p "$LAB/bpf" "$LAB/log"
    mount -t bpf -o mode=700 bpf "$LAB/bpf"
    ip netns add "$LAB_NET-net"
    in_ns net ip link add br0 type bridge mcast_snooping 0
    in_ns net ip link set br0 up
}

# Points this shell at the lab in $LAB.
lab_use() {
    LAB_NET=pm-${LAB##*.}
    export PORTMATRIX_PIN_DIR=$LAB/bpf/portmatrix
    export PORTMATRIX_STATE_DIR=$LAB/state
    export PORTMATRIX_RUN_DIR=$LAB/run
    export PORTMATRIX_POLICY_PATH=$ROOT/policy
    export PORTMATRIX_POLICY_FILE=$LAB/etc/policy.yaml
}

# NAME IPV4 IPV6 [LINK]: a host on the bridge. It reaches everyone directly over LINK (default: eth0).
lab_host() {
    lab_space "$1"
    lab_plug "$1" "${4:-eth0}"
    lab_up "$@"
}

lab_space() { # NAME
    ip netns add "$LAB_NET-$1"
    # No connection may take a source port of the media range by chance: media rows would permit it.
    in_ns "$1" sysctl -qw net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_dad=0 \
        net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_reserved_ports=50000-59999
    in_ns "$1" ip link set lo up
}

lab_plug() { # NAME LINK: down, as at boot
    ip link add "$1" netns "$LAB_NET-net" type veth peer name "$2" netns "$LAB_NET-$1"
    in_ns net ip link set "$1" master br0 up
}

lab_wire() { # LINK NETWORK: one more from the Edge to the user, whose ends are .1 and .2 of it
    local name number=1
    ip link add "$1" netns "$LAB_NET-edge" type veth peer name "$1" netns "$LAB_NET-user"
    for name in edge user; do
        in_ns "$name" ip address add "$2.$((number++))/30" dev "$1"
        in_ns "$name" ip link set "$1" up
    done
}

# A guest of the Edge, as a container is: behind a device of its own, 10.77.0.2 and 2001:db8:77::2.
lab_guest() {
    lab_space guest
    ip link add inner netns "$LAB_NET-edge" type veth peer name eth0 netns "$LAB_NET-guest"
    lab_guest_end edge inner 1
    lab_guest_end guest eth0 2
    in_ns guest ip route add default via 10.77.0.1
    in_ns guest ip -6 route add default via 2001:db8:77::1
}
lab_guest_end() { # NAME LINK NUMBER
    in_ns "$1" ip link set "$2" up
    in_ns "$1" ip address add "10.77.0.$3/24" dev "$2"
    in_ns "$1" ip address add "2001:db8:77::$3/64" dev "$2" nodad
}

lab_up() { # NAME IPV4 IPV6 [LINK]
    local link=${4:-eth0}
    in_ns "$1" ip link set "$link" up
    in_ns "$1" ip address add "$2/32" dev "$link"
    in_ns "$1" ip address add "$3/128" dev "$link" nodad
    in_ns "$1" ip route add default dev "$link"
    in_ns "$1" ip -6 route add default dev "$link"
}

# FOLDER: ends what runs in that lab's namespaces, then removes all of it.
lab_remove() {
    local space pids
    # Not by `ip netns list`, which complains of names that others left without a namespace.
    for space in /run/netns/"pm-${1##*.}"-*; do
        [ -e "$space" ] || continue
        space=${space##*/}
        pids=$(ip netns pids "$space")
        # shellcheck disable=SC2086 # one word a process
        [ -z "$pids" ] || kill $pids 2>/dev/null || true
        wait_for 20 lab_is_idle "$space" || ip netns pids "$space" | xargs -r kill -9
        ip netns delete "$space"
    done
    while umount "$1/bpf" 2>/dev/null; do :; done # a case that failed may have mounted another over it
    rm -rf --one-file-system "$1"
}

lab_is_idle() { [ -z "$(ip netns pids "$1")" ]; }

# NAME COMMAND...: in the network namespace only, so that mounts stay as they are.
in_ns() {
    local name=$1
    shift
    nsenter --net="/run/netns/$LAB_NET-$name" "$@"
}

# FILE [OPTION...]: the program for the kernel whose text is the standard input.
compile_bpf() {
    local file=$1
    shift
    "${CLANG:-$("$ROOT/scripts/tool" clang)}" -target bpf -O2 "$@" -x c -c - -o "$file"
}

pm() { in_ns edge "$PORTMATRIX" "$@"; }

# shellcheck source=tests/e2e/status.sh
. "$ROOT/tests/e2e/status.sh"

# What --help lists: the commands; the options, those of a COMMAND if it is given.
help_commands() { "$PORTMATRIX" --help | sed -n '/^Subcommands:/,$ s/^  \([a-z][a-z-]*\) .*/\1/p'; }
help_options() { "$PORTMATRIX" "$@" --help | grep -oE '^  (-[a-zA-Z],)?--[a-z-]+' | grep -oE -- '--[a-z-]+'; }

watch_said() { grep -qF -- "$1" "$LAB/log/watch"; } # TEXT

# Returns when it has looked.
start_watch() { start_watch_under env; }
start_watch_under() { # COMMAND...
    lab_start edge watch "$@" "$PORTMATRIX" watch
    wait_for 20 watch_said "watching:"
}
# It is stopped between two looks: it holds the writer's lock in one.
is_stopped_without_lock() {
    kill -STOP "$(cat "$LAB/run/watch")"
    until grep "^State:.T" "/proc/$(cat "$LAB/run/watch")/status"; do sleep 0.02; done
    flock -n "$LAB/run/lock" true || { look_again; return 1; }
}
look_again() { kill -CONT "$(cat "$LAB/run/watch")"; }
stop_watch() { # SIGNAL
    local pid
    pid=$(cat "$LAB/run/watch")
    kill "-$1" "$pid"
    wait_for 20 test ! -e "/proc/$pid"
}

# SECONDS COMMAND...: waits until the command succeeds. SECONDS are ample on a machine that does nothing
# else; on a busy one it takes longer, so it waits three times as long.
wait_for() {
    local end=$((SECONDS + 3 * $1 * SLOW)) tries=0 pause=0.05
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        # Asking costs the time that the awaited needs.
        sleep "$pause"
        [ "$((++tries))" -lt 5 ] || pause=0.15
    done
}

# NAME LABEL COMMAND...: in the background, its output in $LAB/log/LABEL.
lab_start() {
    local name=$1 label=$2
    shift 2
    : >"$LAB/log/$label" # at once: nobody may find what the last run wrote there
    in_ns "$name" "$@" </dev/null >>"$LAB/log/$label" 2>&1 &
    disown
}

is_listening() { # NAME tcp|tcp4|tcp6|udp PORT
    local family=${2##*[a-z]}
    in_ns "$1" ss -Hln ${family:+"-$family"} "--${2%[46]}" "sport = :$3" | grep . >/dev/null
}

lab_await() { # NAME tcp|tcp4|tcp6|udp PORT...
    local name=$1 transport=$2 port
    shift 2
    for port in "$@"; do
        wait_for 20 is_listening "$name" "$transport" "$port" ||
            { echo "nothing listens on $transport $port in $name" >&2; cat "$LAB"/log/* >&2; return 1; }
    done
}

lab_certificate() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj "/CN=$1.example" -keyout "$LAB/$1.key" -out "$LAB/$1.crt" 2>/dev/null
}

lab_tls_server() { # NAME PORT 4|6 [OPTION...]: says each line backwards
    local name=$1 port=$2 family=$3
    shift 3
    lab_start "$name" "$name-$port-$family" openssl s_server "-$family" -accept "$port" \
        -cert "$LAB/$name.crt" -key "$LAB/$name.key" -rev "$@"
}

lab_stun_server() { # NAME IPV4 IPV6
    lab_start "$1" "$1-turn" turnserver -n --no-auth --no-tls --no-dtls --no-cli --no-rfc5780 \
        --simple-log -L "$2" -L "$3" -p 3478 -l stdout --pidfile "$LAB/$1-turn.pid" --userdb "$LAB/$1-turn.db"
}

lab_echo() { # NAME PORT...: a TCP service that says back what it hears
    local name=$1 port
    shift
    for port in "$@"; do
        lab_start "$name" "$name-$port" socat -t $((10 * SLOW)) "TCP6-LISTEN:$port,ipv6only=0,fork,reuseaddr" EXEC:cat
    done
}

# The services that the matrix lists, and some that it does not: ports must be closed by the firewall,
# not because nobody listens.
lab_services() {
    lab_certificate edge
    lab_certificate partner
    cat "$LAB"/*.crt >"$LAB/trust.pem"
    local name family
    for family in 4 6; do
        for name in edge partner; do
            lab_tls_server "$name" 5061 "$family" -CAfile "$LAB/trust.pem" -Verify 2 \
                -verify_return_error
        done
        lab_tls_server edge 443 "$family"
    done
    lab_stun_server edge "$EDGE4" "$EDGE6"
    lab_stun_server messenger "$MESSENGER4" "$MESSENGER6"
    lab_echo edge 22 5060 8080 50000
    lab_echo messenger 443 8443 49999 50000 59999 60000
    lab_await edge tcp4 5061 443
    lab_await edge tcp6 5061 443
    lab_await edge tcp 22 5060 8080 50000 3478
    lab_await edge udp 3478
    lab_await messenger tcp 443 8443 49999 50000 59999 60000
    lab_await messenger udp 3478
    lab_await partner tcp4 5061
    lab_await partner tcp6 5061
}

bracket() { # ADDRESS: as it stands before a port
    case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac
}

# NAME ADDRESS PORT [OPTION...]: a TLS session that carries a line there and back.
tls_talks() {
    local name=$1 address=$2 port=$3 line=
    shift 3
    coproc TLS { exec nsenter --net="/run/netns/$LAB_NET-$name" openssl s_client -quiet -connect "$(bracket "$address"):$port" \
        -CAfile "$LAB/trust.pem" -verify_return_error "$@" 2>"$LAB/log/s_client"; }
    local out=${TLS[0]} in=${TLS[1]} process=$TLS_PID
    echo matrix >&"$in"
    read -r -t $((3 * SLOW)) line <&"$out" || true
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
    [ "$line" = xirtam ]
}

# NAME ADDRESS PORT: TLS where each side shows its certificate.
mutual_tls_talks() {
    local who=$1
    [ -e "$LAB/$who.crt" ] || who=partner
    tls_talks "$@" -cert "$LAB/$who.crt" -key "$LAB/$who.key"
}

# NAME ADDRESS PORT [SOURCE-PORT]: a TCP connection that carries a line there and back.
tcp_talks() {
    local options=connect-timeout=$SLOW
    [ -z "${4:-}" ] || options+=,reuseaddr,sourceport=$4
    [ "$(in_ns "$1" socat -t $((2 * SLOW)) -T $((2 * SLOW)) - "TCP:$(bracket "$2"):$3,$options" <<<matrix 2>/dev/null)" = matrix ]
}

no_session() { [ -z "$(in_ns edge ss -Htn state established '( sport = :22 )')" ]; }

# FOLDER: what nfcapd has stored there, as one array. Versions of nfdump differ in whether they print one.
nfdump_records() { { echo '['; nfdump -R "$1" -o json -q; echo ']'; } | jq flatten; }

# The matrix opens port 22 to administrators, and the attacker is none.
ssh_is_closed() { ! tcp_talks attacker "$EDGE4" 22; }

# NAME ADDRESS: a STUN binding with a real client and server.
stun_talks() {
    in_ns "$1" timeout $((2 * SLOW)) turnutils_stunclient -p 3478 "$2" 2>&1 | grep 'reflexive addr' >/dev/null
}

# NAME ADDRESS PORT COUNT [SIZE [SECONDS]]: from one socket, so long between two.
send_datagrams() {
    in_ns "$1" /usr/bin/python3 - "$2" "$3" "$4" "${5:-32}" "${6:-0}" <<'END'
import socket, sys, time
address, port, count, size, pause = sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5])
out = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
for number in range(count):
    try:
        out.sendto(b"x" * size, (address, port))
    except PermissionError:  # dropped on the way out
        pass
    if pause:
        time.sleep(pause)
END
}

# NAME ARGUMENT...: a flood of floods.py; prints how many were sent.
flood() { in_ns "$1" /usr/bin/python3 "$ROOT/tests/e2e/floods.py" "${@:2}"; }

# NAME ADDRESS COUNT: every echo request is answered.
pings() {
    in_ns "$1" ping -n -q -c "$3" -i 0.01 -W $((2 * SLOW)) "$2" | grep " $3 received" >/dev/null
}

# Pings from the user to the Edge until end_pings, which checks that they still go on and that each was
# answered but the last ones under way.
begin_pings() {
    nsenter --net="/run/netns/$LAB_NET-user" stdbuf -oL ping -n -i 0.002 "$EDGE4" >"$LAB/log/pings" &
    pings=$!
}
end_pings() {
    wait_for 20 pings_answered_beyond "$(grep -c icmp_seq= "$LAB/log/pings")" ||
        { echo "no ping is answered any more"; tail -n 3 "$LAB/log/pings"; return 1; }
    kill -INT "$pings"
    wait "$pings" || true
    awk -F '[= ]' '/icmp_seq=/ { count++; if ($6 > last) last = $6 }
        END { print "#", count, "pings"; exit !(count >= 20 && count == last) }' "$LAB/log/pings" ||
        { tail -n 3 "$LAB/log/pings"; return 1; }
}
pings_answered_beyond() { [ "$(grep -c icmp_seq= "$LAB/log/pings")" -gt "$1" ]; }

# VERSION HASH: makes the pinned maps say that a build with these has made them.
set_build() {
    # shellcheck disable=SC2046 # one word a byte
    bpftool map update pinned "$PORTMATRIX_PIN_DIR/abi" key 0 0 0 0 value hex \
        $(printf '%02x 00 00 00 %02x 00 00 00' "$1" "$2") $(printf '00 %.0s' {1..24})
}
abi() { printf '%d\n' "$(bpftool -j map dump pinned "$PORTMATRIX_PIN_DIR/abi" | jq -r '.[0].value[0]')"; }

# FILE [SED-EXPRESSION]: the lab's policy with that change, as FILE.yaml; prints its path.
edited_policy() {
    sed "${2:-}" "$ROOT/tests/e2e/edge.yaml" >"$LAB/$1.yaml"
    echo "$LAB/$1.yaml"
}

# NAME [SED-EXPRESSION]: the same under another name.
variant() { edited_policy "$1" "s/contoso-edge/$1/; ${2:-}"; }

# NAME PREFIXES: the lab's policy under this name, with so many random partners that it outgrows the
# memory of a usual policy; prints its path.
large_policy() {
    python3 - "$2" >"$LAB/peers.txt" <<'END'
import random, sys
random.seed(7)
seen = set()
while len(seen) < int(sys.argv[1]):
    seen.add(random.randrange(0x0b000000, 0x7f000000))
for address in seen:
    print(".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0)))
END
    variant "$1" 's/public-im-partners: \[/&{ file: peers.txt }, /'
}
