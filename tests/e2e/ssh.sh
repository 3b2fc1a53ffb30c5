# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A real sshd on the Edge, at port 2222, and a session from the user to it. Sourced, after cases.sh.

start_ssh() {
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$LAB/host_key"
    ssh-keygen -q -t ed25519 -N '' -f "$LAB/key"
    cat >"$LAB/sshd_config" <<END
Port 2222
HostKey $LAB/host_key
AuthorizedKeysFile $LAB/key.pub
PidFile $LAB/sshd.pid
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
END
    chmod 755 "$LAB"
    lab_start edge sshd /usr/sbin/sshd -D -e -f "$LAB/sshd_config"
    lab_await edge tcp 2222
}

ssh_line() { # [ADDRESS [OPTION...]]: opens a session that says back what it hears
    coproc SSH { exec nsenter --net="/run/netns/$LAB_NET-user" ssh -i "$LAB/key" -p 2222 -q \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "${@:2}" root@"${1:-$EDGE4}" cat; }
    ssh=$SSH_PID
    exec 7<&"${SSH[0]}" 8>&"${SSH[1]}"
    ssh_says hello || { cat "$LAB/log/sshd"; return 1; }
}
ssh_says() {
    local line
    echo "$1" >&8
    read -r -t 5 line <&7
    expect_equal "$1" "$line" "over ssh"
}
# Ends the session on the server's side too, since a client that was cut off cannot close it.
ssh_ends() {
    kill "$ssh"
    wait "$ssh" || true
    sessions | grep -o 'pid=[0-9]*' | cut -d= -f2 | xargs -r kill 2>/dev/null || true
    wait_for 20 no_session
}
sessions() { in_ns edge ss -Htnp state established "sport = :2222"; }
no_session() { ! sessions | grep . >/dev/null; }
