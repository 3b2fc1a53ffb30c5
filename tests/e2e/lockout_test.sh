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
    lab_start edge sshd /usr/sbin/sshd -D -e -f "$LAB/sshd_config"
    lab_await edge tcp 2222
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
    wait_for 20 serves_games
    expect_status 4 pm apply -i eth0 "$LAB/cut.yaml"
    expect_output "cut 1 SSH session of this host, from $USER4 (no-"
    ssh_ends
}
serves_games() { sessions | grep -o 'pid=[0-9]*' | cut -d= -f2 | xargs -r ps -o user= -p | grep games; }

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
    local port
    local -a talks=()
    for port in 2223 2224 2225; do
        in_ns user socat -u "TCP:$EDGE4:$port" "OPEN:$LAB/log/to-$port,creat" &
        talks+=("$!")
        wait_for 20 is_served "$port"
    done
    pm detach --all
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
run_cases "$@"
