#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian's fail2ban reads the log of a real Kamailio and bans, by this project's action and filter,
# who sends too many requests; it lifts the ban when its time is over, and when it is told to.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

sip_policy() {
    cat <<EOF
policy: fail2ban
edge:
  sip: [$EDGE4]
peers:
  world: any
matrix:
  - { id: sip-in, transport: udp, source: world, destination: sip, port: 5060 }
  - { id: ping, transport: icmp, source: world, destination: sip }
EOF
}

kamailio_config() {
    cat <<EOF
#!KAMAILIO
log_stderror=yes
children=1
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "pike.so"
modparam("pike", "sampling_time_unit", 2)
modparam("pike", "reqs_density_per_unit", 16)
modparam("pike", "remove_latency", 4)
request_route {
    if (!pike_check_req()) exit;
    sl_send_reply("200", "OK");
}
EOF
}

# Debian's own configuration with this project's files and one jail; OPTIONs are lines of its own.
jail() { # BANTIME [OPTION...]
    local bantime=$1
    shift
    cp -a /etc/fail2ban/. "$LAB/fail2ban"
    cp -a "$ROOT/packaging/fail2ban/." "$LAB/fail2ban"
    rm -f "$LAB/fail2ban/jail.d"/*
    printf '[Definition]\ndbfile = :memory:\n' >"$LAB/fail2ban/fail2ban.local"
    cat >"$LAB/fail2ban/jail.local" <<EOF
[sshd]
enabled = false
[kamailio]
enabled = true
backend = polling
logpath = $LAB/log/kamailio
filter = portmatrix-kamailio
datepattern = {NONE}
banaction = portmatrix
port = 5060
protocol = udp
maxretry = 1
findtime = 60
bantime = $bantime
EOF
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$LAB/fail2ban/jail.local"
}
another_jail() { # NAME: as an OPTION of jail(), after those of its own
    printf '[%s]\nenabled = true\nbackend = polling\nlogpath = %s\nfilter = portmatrix-kamailio\n' "$1" "$LAB/log/kamailio"
    printf 'datepattern = {NONE}\nbanaction = portmatrix\nbantime = 1h\n'
}

fail2ban() { in_ns edge fail2ban-client -s "$LAB/fail2ban.sock" "$@"; }

fail2ban_start() { # BANTIME [OPTION...]
    jail "$@"
    PATH=$(dirname "$PORTMATRIX"):$PATH lab_start edge fail2ban fail2ban-server -c "$LAB/fail2ban" \
        -s "$LAB/fail2ban.sock" -p "$LAB/fail2ban.pid" --loglevel INFO --logtarget "$LAB/log/fail2ban" \
        -x -f start
    wait_for 30 fail2ban status kamailio
}

fail2ban_stop() {
    fail2ban stop >/dev/null
    wait_for 20 refused test -e "$LAB/fail2ban.pid"
}

requests() { # NAME COUNT
    in_ns "$1" python3 - "$EDGE4" "$2" <<'EOF'
import socket
import sys

edge, count = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((edge, 5060))
host, port = s.getsockname()
for i in range(count):
    s.send((f"OPTIONS sip:{edge} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{i}\r\n"
            f"From: <sip:a@{host}>;tag={i}\r\nTo: <sip:{edge}>\r\nCall-ID: {i}@{host}\r\n"
            f"CSeq: {i + 1} OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n").encode())
s.settimeout(2)
try:
    print(s.recv(2000).decode().splitlines()[0])
except TimeoutError:
    sys.exit(1)
EOF
}

is_banned() { pm bans | grep "^$ATTACKER4" >/dev/null; }

case_one_request_bans_nobody() {
    fail2ban_start 3600
    requests attacker 1 | grep "200 OK"
    pings attacker "$EDGE4" 1
    refused is_banned
}

case_too_many_requests_ban_in_the_kernel() {
    requests attacker 100 || true
    wait_for 20 is_banned
    refused requests attacker 1
    refused pings attacker "$EDGE4" 1
    requests user 1 | grep "200 OK"
}

case_fail2ban_lifts_it() {
    is_banned
    fail2ban set kamailio unbanip "$ATTACKER4"
    refused is_banned
    wait_for 20 pings attacker "$EDGE4" 1
}

# The action adds the unit to fail2ban's -1. The jail has a ban of its own beside the administrator's.
case_bantime_minus_one_bans_for_ever() {
    fail2ban_stop
    fail2ban_start -1
    pm ban "$ATTACKER4" --for 1h
    fail2ban set kamailio banip "$ATTACKER4"
    wait_for 20 has_ban_for_ever
    fail2ban set kamailio unbanip "$ATTACKER4"
    wait_for 20 refused has_ban_for_ever
    is_banned
    pm unban "$ATTACKER4"
    pings attacker "$EDGE4" 1
}
has_ban_for_ever() {
    pm bans --json | jq -se 'any(.owner == "fail2ban-kamailio" and .expires_at == null)' >/dev/null
}

# Its year has 365.25 days, and ten of them were longer than what --for took: nobody was banned.
case_ten_years_and_more_ban() {
    local bantime
    for bantime in 10y 100y 101y; do
        fail2ban_stop
        fail2ban_start "$bantime"
        fail2ban set kamailio banip "$ATTACKER4"
        wait_for 20 is_banned
        pm bans --json | jq -e --arg time "$bantime" 'if $time == "101y" then .expires_at == null
            else (.seconds_left / 31557600 * 10 | round) == ($time[:-1] | tonumber * 10) end'
        fail2ban set kamailio unbanip "$ATTACKER4"
        wait_for 20 refused is_banned
    done
}

# The second ban of an address is longer. fail2ban says so once the ban is there.
case_a_growing_ban_time_is_kept() {
    local factor
    for factor in 1200 2400000000; do
        fail2ban_stop
        fail2ban_start 3 "bantime.increment = true" "bantime.multipliers = 1 $factor"
        fail2ban set kamailio banip "$ATTACKER4"
        wait_for 20 is_banned
        wait_for 20 fail2ban_has_lifted_it
        fail2ban set kamailio banip "$ATTACKER4"
        if [ "$factor" = 1200 ]; then wait_for 40 is_banned_for 1; else wait_for 40 has_ban_for_ever; fi
        fail2ban set kamailio unbanip "$ATTACKER4"
        wait_for 20 refused is_banned
    done
}
fail2ban_has_lifted_it() { fail2ban status kamailio | grep -P "Currently banned:\t0" >/dev/null; }
is_banned_for() { pm bans --json | jq -se --argjson hours "$1" 'any(.seconds_left != null and (.seconds_left / 3600 | round) == $hours)' >/dev/null; } # HOURS

# A name that no owner can have banned nobody, and its words were the shell's.
case_whatever_a_jail_is_called_it_bans() {
    local name long
    long=$(printf 'long%.0s' {1..20})
    # shellcheck disable=SC2016 # that is the name
    local -A owners=(["two words"]=fail2ban-two_words ['$(touch bad);&']=fail2ban-__touch_bad___
        ["ärger"]=fail2ban-__rger ["$long"]="fail2ban-${long::55}" ["a@b.c_d-e"]=fail2ban-a@b.c_d-e)
    local -a jails=()
    for name in "${!owners[@]}"; do jails+=("$(another_jail "$name")"); done
    fail2ban_stop
    fail2ban_start 1h "${jails[@]}"
    for name in "${!owners[@]}"; do
        wait_for 20 fail2ban status "$name"
        fail2ban set "$name" banip "$ATTACKER4"
        wait_for 20 is_banned_by "${owners[$name]}"
        fail2ban set "$name" unbanip "$ATTACKER4"
        wait_for 20 refused is_banned
    done
}
is_banned_by() { pm bans --json | jq -se --arg owner "$1" 'any(.owner == $owner)' >/dev/null; } # OWNER

# A fail2ban that was killed lifts no ban: the ban ends by its own time.
case_a_ban_ends_though_fail2ban_is_gone() {
    fail2ban_stop
    fail2ban_start 20
    requests attacker 100 || true
    wait_for 20 is_banned
    kill -9 "$(cat "$LAB/fail2ban.pid")"
    refused pings attacker "$EDGE4" 1
    wait_for 40 pings attacker "$EDGE4" 1
    refused is_banned
}

# The action bans by force, and is refused all the same. fail2ban logs it as a ban that failed.
case_what_the_policy_never_bans_stays() {
    sip_policy | sed "s/world: any/&\n  carriers: $ATTACKER4\nnever-ban: carriers/" >"$LAB/never.yaml"
    expect_status 0 pm apply "$LAB/never.yaml"
    fail2ban_start 3600
    fail2ban set kamailio banip "$ATTACKER4" || true
    wait_for 20 grep -F "in the set 'carriers' of never-ban" "$LAB/log/fail2ban"
    grep -E "returned 4$" "$LAB/log/fail2ban"
    refused is_banned
    fail2ban_stop
}

lab_make
trap 'lab_remove "$LAB"' EXIT
mkdir "$LAB/fail2ban"
sip_policy >"$LAB/policy.yaml"
pm apply -i eth0 "$LAB/policy.yaml"
kamailio_config >"$LAB/kamailio.cfg"
# -DD: in the foreground, with its children, until the lab ends them.
lab_start edge kamailio kamailio -DD -E -f "$LAB/kamailio.cfg" -l "udp:$EDGE4:5060" -m 16 -M 4 \
    -Y "$LAB/run" -P "$LAB/kamailio.pid"
lab_await edge udp 5060
run_cases "$@"
