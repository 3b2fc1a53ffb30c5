#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The guard that keeps an administrator's own session finds it however the interface is called, and
# whatever became of the listener.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/ssh.sh
. "$here/ssh.sh"

# ARGUMENT...: an apply with these would cut the only session, and is refused.
would_cut() {
    ssh_says before
    expect_status 4 pm apply "$@"
    expect_output "cut 1 SSH session of this host, from $USER4 (no-"
    ssh_says after
}

start_sshd() { # unless it runs
    is_listening edge tcp 2222 || lab_start edge sshd /usr/sbin/sshd -D -e -f "$LAB/sshd_config"
    lab_await edge tcp 2222
}

case_an_interface_by_an_alternative_name() {
    in_ns edge ip link property add dev eth0 altname foo0
    ssh_line
    would_cut -i foo0 "$LAB/cut.yaml"
    [ ! -e "$PORTMATRIX_PIN_DIR" ]
    expect_status 0 pm apply -i foo0 "$LAB/ssh.yaml"
    would_cut "$LAB/cut.yaml"
    ssh_ends
    in_ns edge ip link property del dev eth0 altname foo0
}

case_an_interface_that_was_renamed() {
    local from to
    expect_status 0 pm apply -i eth0 "$LAB/ssh.yaml"
    ssh_line
    while read -r from to; do
        in_ns edge ip link set "$from" down
        in_ns edge ip link set "$from" name "$to"
        in_ns edge ip link set "$to" up
        in_ns edge ip route replace default dev "$to"
        would_cut "$LAB/cut.yaml"
    done <<<$'eth0 ren0\nren0 eth0'
    ssh_ends
    expect_status 0 pm detach --all
}

# The session goes on after its listener has ended, and while the listener uses another port.
case_a_session_without_its_listener() {
    ssh_line
    kill "$(cat "$LAB/sshd.pid")"
    wait_for 20 is_not_listening
    would_cut -i eth0 "$LAB/cut.yaml"
    lab_start edge sshd /usr/sbin/sshd -D -e -f "$LAB/sshd_config" -p 2223
    lab_await edge tcp 2223
    would_cut -i eth0 "$LAB/cut.yaml"
    ssh_ends
    kill "$(cat "$LAB/sshd.pid")"
    wait_for 20 test ! -e "$LAB/sshd.pid"
}
is_not_listening() { ! is_listening edge tcp 2222; }

# One process listens and hands each session to another one, as inetd or a socket unit with Accept=yes.
case_a_session_that_another_accepted() {
    lab_start edge inetd socat TCP-LISTEN:2222,fork,reuseaddr \
        "EXEC:/usr/sbin/sshd -i -f $LAB/sshd_config,nofork"
    lab_await edge tcp 2222
    ssh_line
    would_cut -i eth0 "$LAB/cut.yaml"
    ssh_ends
    in_ns edge ss -Htlnp "sport = :2222" | grep -o 'pid=[0-9]*' | cut -d= -f2 | xargs kill
    wait_for 20 is_not_listening
}

# A connection that a session forwards is no session; here it goes to a port that the policy does not open.
case_what_a_session_forwards_bars_nothing() {
    start_sshd
    lab_echo messenger 7000
    lab_await messenger tcp 7000
    ssh_line "$EDGE4" -L "9999:$MESSENGER4:7000"
    coproc FORWARDED { exec nsenter --net="/run/netns/$LAB_NET-user" socat - TCP:127.0.0.1:9999; }
    # shellcheck disable=SC2153 # set by coproc
    local out=${FORWARDED[0]} in=${FORWARDED[1]} process=$FORWARDED_PID line
    echo through >&"$in"
    read -r -t $((5 * SLOW)) line <&"$out"
    expect_equal through "$line" "what was forwarded"
    expect_status 0 pm apply -i eth0 "$LAB/ssh.yaml"
    ssh_says still
    kill "$process"
    ssh_ends
}

# Two processes serve it: of root, and of the user who has logged in.
case_a_session_of_a_user_who_is_not_root() {
    pm detach --all
    # shellcheck disable=SC2034 # its number is what is asked for
    coproc SFTP { exec nsenter --net="/run/netns/$LAB_NET-user" ssh -i "$LAB/key" -p 2222 -q -s \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null games@"$EDGE4" sftp; }
    ssh=$SFTP_PID
    wait_for 20 serves games
    expect_status 4 pm apply -i eth0 "$LAB/cut.yaml"
    expect_output "cut 1 SSH session of this host, from $USER4 (no-"
    ssh_ends
}

# A scanner bars nothing: neither before it has said anything, nor while it might log in. Sessions beside
# it are kept, and it is said which row would keep them.
case_who_has_not_logged_in_bars_nothing() {
    start_sshd
    pm detach --all
    local -a scanners=()
    in_ns user socat -u "TCP:$EDGE4:2222" "OPEN:$LAB/log/silent,creat" &
    scanners+=("$!")
    in_ns user /usr/bin/python3 -c 'import socket, sys, time
s = socket.create_connection((sys.argv[1], 2222))
s.sendall(b"SSH-2.0-scanner\r\n")
time.sleep(600)' "$EDGE4" &
    scanners+=("$!")
    wait_for 20 are_served 2
    wait_for 20 serves sshd
    expect_status 0 pm apply -i eth0 "$LAB/cut.yaml"
    expect_status 0 pm ban "$USER4"
    expect_status 0 pm unban "$USER4"
    pm detach --all
    ssh_line
    # shellcheck disable=SC2034 # its number is what is asked for
    coproc SFTP { exec nsenter --net="/run/netns/$LAB_NET-user" ssh -i "$LAB/key" -p 2222 -q -s \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null games@"$EDGE4" sftp; }
    wait_for 20 serves games
    expect_status 4 pm apply -i eth0 "$LAB/cut.yaml"
    expect_output "cut 2 SSH sessions of this host, from $USER4 (no-"
    expect_output "2 sessions from $USER4 (games, root): add $USER4 to the set 'admins' of row 'ssh-admins'"
    # A trial says it, and before the switch.
    expect_status 0 pm apply -i eth0 "$LAB/cut.yaml" --confirm-within 100s
    grep -A 99 "going to cut 2 SSH sessions" <<<"$OUTPUT" | grep "is in force on eth0" ||
        { echo "not before the switch:"; echo "$OUTPUT"; return 1; }
    expect_status 0 pm rollback
    ssh_says still
    pm apply "$LAB/cut.yaml" --confirm-within 100s --json 2>/dev/null |
        jq -e '.notes | any(test("going to cut 2 SSH sessions"))'
    expect_status 0 pm rollback
    pm detach --all
    kill "${scanners[@]}" "$SFTP_PID"
    ssh_ends
}
are_served() { [ "$(sessions | wc -l)" -ge "$1" ]; } # COUNT
serves() { sessions | grep -o 'pid=[0-9]*' | cut -d= -f2 | xargs -r ps -o user= -p | grep "^$1"; } # USER

# Of each kind that this kernel has, vxlan at least: the policy would drop what the session is wrapped in.
case_a_session_inside_a_tunnel_is_not_cut() {
    local kind row found=
    while read -r kind row; do
        add_tunnel "$kind" || { [ "$kind" != vxlan ] && continue; }
        found+=" $kind"
        ssh_line 10.99.0.1
        expect_status 4 pm apply -i eth0 "$LAB/cut.yaml"
        expect_output "cut 1 SSH session of this host, from 10.99.0.2 ("
        expect_output "1 session from 10.99.0.2 (root) inside the tunnel wrap: write the row below for $USER4"
        expect_output "source: tunnel-peers, destination: access$row }"
        [ "$kind" != vxlan ] || rows_keep_a_tunnel
        ssh_ends
        pm detach --all
        in_ns edge ip link delete wrap
        in_ns user ip link delete wrap
    done <<<$'vxlan , port: 4789\ngeneve , port: 6081\ngre \nipip '
    echo "#$found"
}
add_tunnel() { # KIND: on both sides; the Edge takes its own address from the route
    local options=$1
    start_sshd
    pm detach --all
    case $1 in vxlan) options="$1 id 5 dstport 4789" ;; geneve) options="$1 id 5" ;; esac
    # shellcheck disable=SC2086 # words
    in_ns edge ip link add wrap type $options remote "$USER4" || return 1
    # shellcheck disable=SC2086 # words
    in_ns user ip link add wrap type $options remote "$EDGE4"
    in_ns edge ip address add 10.99.0.1/30 dev wrap
    in_ns user ip address add 10.99.0.2/30 dev wrap
    in_ns edge ip link set wrap up
    in_ns user ip link set wrap up
}
rows_keep_a_tunnel() {
    expect_status 0 pm apply -i eth0 "$LAB/tunnel.yaml"
    ssh_says through
    expect_status 4 pm ban "$USER4"
    expect_output "1 session from 10.99.0.2 (root) inside the tunnel wrap: write the row below for $USER4"
    expect_status 4 pm apply "$LAB/cut.yaml"
    ssh_says still
}

# As OpenVPN's: a process knows what it is wrapped in, and not the kernel.
case_a_session_inside_a_tun_is_told() {
    start_sshd
    pm detach --all
    lab_start edge tun socat UDP4-LISTEN:1194 TUN:10.98.0.1/30,tun-name=tun0,iff-no-pi,iff-up
    lab_await edge udp 1194
    lab_start user tun socat "UDP4:$EDGE4:1194" TUN:10.98.0.2/30,tun-name=tun0,iff-no-pi,iff-up
    wait_for 20 in_ns user ip link show tun0
    in_ns user ping -c 1 -W 1 10.98.0.1 || true # what it sends opens the way back
    wait_for 20 pings user 10.98.0.1 1
    ssh_line 10.98.0.1
    expect_status 0 pm apply -i eth0 "$LAB/tunnel.yaml"
    expect_output "an SSH session from 10.98.0.2 runs inside tun0 (tun)"
    ssh_says still
    expect_status 0 pm apply "$LAB/tunnel.yaml"
    refused expect_output "inside tun0"
    ssh_ends
    in_ns edge ip link delete tun0
    in_ns user ip link delete tun0
}

# Anybody could bar each ban of his address, and each policy.
case_who_calls_himself_sshd_bars_nothing() {
    local nobody=(setpriv --reuid nobody --regid nogroup --clear-groups)
    install -m 755 "$(command -v socat)" "$LAB/sshd"
    install -m 755 -o nobody "$(command -v socat)" "$LAB/sshd-session"
    # The file is called so, and is root's; it is called so, and root runs it; and the real sshd.
    lab_start edge false-1 "${nobody[@]}" "$LAB/sshd" TCP-LISTEN:2223,fork EXEC:cat
    lab_start edge false-2 "$LAB/sshd-session" TCP-LISTEN:2224,fork EXEC:cat
    install -m 600 -o nobody "$LAB/host_key" "$LAB/nobodys_key"
    printf 'Port 2225\nHostKey %s\nUsePAM no\nPidFile none\n' "$LAB/nobodys_key" >"$LAB/nobodys_config"
    lab_start edge false-3 "${nobody[@]}" /usr/sbin/sshd -D -e -f "$LAB/nobodys_config"
    lab_await edge tcp 2223 2224 2225
    pm detach --all # they begin where nothing is filtered
    local port
    local -a talks=()
    for port in 2223 2224 2225; do
        in_ns user socat -u "TCP:$EDGE4:$port" "OPEN:$LAB/log/to-$port,creat" &
        talks+=("$!")
        wait_for 20 is_served "$port"
    done
    expect_status 0 in_ns edge strace -qq -o "$LAB/log/looked" "$PORTMATRIX" apply -i eth0 "$LAB/cut.yaml"
    [ -n "$(pids_of 2223)" ] && [ -n "$(pids_of 2224)" ]
    # A file that a user has chosen may be one that cannot be looked at (FUSE), or not in time (NFS).
    refused grep -E "/proc/($(pids_of 2223 | paste -sd'|'))/exe" "$LAB/log/looked"
    grep -qE "/proc/($(pids_of 2224 | paste -sd'|'))/exe" "$LAB/log/looked"
    expect_status 0 pm ban "$USER4"
    expect_status 0 pm unban "$USER4"
    kill "${talks[@]}"
    for port in 2223 2224 2225; do pids_of "$port"; done | sort -u | xargs kill
}
# Where everybody may listen on port 22, anybody could bar policies and bans; what root accepts is a session.
case_who_listens_on_port_22_instead_of_sshd_bars_nothing() {
    local nobody=(setpriv --reuid nobody --regid nogroup --clear-groups)
    in_ns edge sysctl -qw net.ipv4.ip_unprivileged_port_start=22
    talk_to_port_22 "${nobody[@]}" socat TCP-LISTEN:22,reuseaddr,fork EXEC:cat
    expect_status 0 pm apply -i eth0 "$LAB/cut.yaml"
    end_talk_to_port_22
    # Nor where nobody accepts it.
    talk_to_port_22 "${nobody[@]}" /usr/bin/python3 -c 'import socket, time
s = socket.create_server(("", 22))
time.sleep(600)'
    expect_status 0 pm apply -i eth0 "$LAB/cut.yaml"
    end_talk_to_port_22
    # As where systemd has the socket, which is no sshd.
    talk_to_port_22 socat TCP-LISTEN:22,reuseaddr,fork EXEC:cat
    expect_status 4 pm apply -i eth0 "$LAB/cut.yaml"
    expect_output "cut 1 SSH session of this host, from $USER4 (no-"
    end_talk_to_port_22
    in_ns edge sysctl -qw net.ipv4.ip_unprivileged_port_start=1024
}
talk_to_port_22() { # COMMAND...: runs it, which listens there, and opens a connection to it
    pm detach --all
    lab_start edge port-22 "$@"
    lab_await edge tcp 22
    in_ns user socat -u "TCP:$EDGE4:22" "OPEN:$LAB/log/to-22,creat" &
    talk=$!
    wait_for 20 is_served 22
}
end_talk_to_port_22() {
    pm detach --all
    kill "$talk" || true
    pids_of 22 | xargs kill
    wait_for 20 no_one_has_port_22
}
no_one_has_port_22() { [ -z "$(in_ns edge ss -Htan state listening state established "sport = :22")" ]; }
pids_of() { # PORT
    in_ns edge ss -Htnap "sport = :$1" | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u
}
is_served() { in_ns edge ss -Htn state established "sport = :$1" | grep . ; }

# Going back to an older policy is held to the same.
case_a_rollback_to_a_policy_that_cuts() {
    local cutting
    expect_status 0 pm apply -i eth0 "$LAB/cut.yaml" --force
    cutting=$(generation_in_force)
    expect_status 0 pm apply "$LAB/ssh.yaml"
    ssh_line
    expect_status 4 pm rollback --to "$cutting"
    expect_output "cut 1 SSH session of this host, from $USER4 (no-"
    ssh_says after
    expect_status 0 pm rollback --to "$cutting" --confirm-within 100s
    expect_status 0 pm rollback
    ssh_says still
    ssh_ends
    expect_status 0 pm detach --all
}

lab_make
trap 'lab_remove "$LAB"' EXIT
start_ssh
sed 's/port: 22 *}/port: [22, 2222] }/; s/port: 22$/port: [22, 2222]/' "$ROOT/policy/host-base.yaml" >"$LAB/host-base.yaml"
variant ssh >/dev/null
variant cut 's/admins: .*/admins: none/' >/dev/null
cat >"$LAB/tunnel.yaml" <<END
policy: tunnel
include: [$LAB/ssh.yaml]
peers:
  far: [$USER4]
matrix:
  - { id: tunnel-in, transport: udp, source: far, destination: access, port: [4789, 1194] }
  - { id: tunnel-out, transport: udp, source: access, destination: far, port: 4789 }
END
run_cases "$@"
