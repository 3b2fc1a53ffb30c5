#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What begins a TCP connection: each one is charged to its row's limit, and its first payload is checked,
# whatever its first segment is. The kernel makes a connection of an ACK with a SYN cookie, as often as
# the ACK comes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

TIMES=12
HOWS=(data bare parts last close)

policy() { # NAME CHECK-OR-LIMIT: of its row for port 443
    cat >"$LAB/$1.yaml" <<END
policy: $1
edge: { edge: [$EDGE4] }
peers: { everyone: any }
matrix:
  - { id: $1, transport: tcp, source: everyone, destination: edge, port: 443, $2 }
END
    pm apply --force -i eth0 "$LAB/$1.yaml"
}

again() { # HOW [COMMAND...]
    : >"$LAB/log/listener"
    made_before=$(made)
    in_ns attacker /usr/bin/python3 "$here/segments.py" again "$EDGE4" "$MAC" 443 "$ATTACKER4" \
        "$1" "$TIMES" "${@:2}"
}
# Cookies that the Edge's kernel took, so connections that it made. The listener sees no payload of one
# that ended before it was read.
made() { in_ns edge nstat -asz TcpExtSyncookiesRecv | awk '$1 == "TcpExtSyncookiesRecv" { print $2 }'; }
made_now() { echo $(($(made) - made_before)); }
heard() { grep -cF -- "$1" "$LAB/log/listener" || true; } # TEXT
has_heard() { [ "$(heard "$1")" -gt 0 ]; }
drops() { drop_count in "$1"; } # REASON

case_the_kernel_makes_a_connection_each_time() {
    local how
    policy open "check: { payload: tls }"
    for how in "${HOWS[@]}"; do
        again "$how"
        expect_equal "$TIMES" "$(made_now)" "connections by one SYN ($how)"
    done
}

case_each_is_checked() {
    local how before
    policy checked "check: { payload: tls, on-mismatch: drop }"
    for how in "${HOWS[@]}"; do
        before=$(drops payload-mismatch)
        again "$how"
        [ "$(made_now)" -ge 1 ]
        expect_equal 0 "$(heard GET)" "what came to the listener without being checked ($how)"
        [ $(($(drops payload-mismatch) - before)) -ge $((TIMES - 1)) ]
    done
}

case_each_is_charged() {
    local how before
    for how in "${HOWS[@]}"; do
        policy "charged-$how" "limit: { new-flows: 1/min, burst: 3 }"
        before=$(drops rate-limited)
        again "$how"
        expect_equal 3 "$(made_now)" "connections ($how)"
        [ $(($(drops rate-limited) - before)) -ge $((TIMES - 3)) ]
    done
}

# One SYN and one ACK are one connection, also where the host sends cookies.
case_an_honest_client_is_charged_once() {
    policy once "limit: { new-flows: 1/min, burst: 1 }, check: { payload: tls, on-mismatch: drop }"
    local before
    before=$(drops rate-limited)
    TIMES=1 again data
    wait_for 20 has_heard x16
    expect_equal "$before" "$(drops rate-limited)" "drops"
}

# The entry is gone before the handshake is completed, as in a flood that pushes it out.
case_where_no_entry_is_left() {
    local how before
    cat >"$LAB/forget" <<'END'
for table in outside opening assured; do
    bpftool -j map dump pinned "$PORTMATRIX_PIN_DIR/$table" | jq -r '.[].key | join(" ")' |
        while read -r key; do bpftool map delete pinned "$PORTMATRIX_PIN_DIR/$table" key $key; done
done
END
    policy gone "check: { payload: tls, on-mismatch: drop }"
    for how in "${HOWS[@]}"; do
        before=$(drops payload-mismatch)
        TIMES=5 again "$how" sh -c "sh $LAB/forget >$LAB/log/forget 2>&1"
        [ "$(made_now)" -ge 1 ]
        expect_equal 0 "$(heard GET)" "what came to the listener without being checked ($how)"
        [ $(($(drops payload-mismatch) - before)) -ge 4 ]
    done
}

lab_make
trap 'lab_remove "$LAB"' EXIT
in_ns edge sysctl -qw net.ipv4.tcp_syncookies=2
# Its kernel knows nothing of these connections. What goes by a packet socket does not come here.
in_ns attacker nft -f - <<'END'
table inet quiet {
    chain out {
        type filter hook output priority 0
        tcp flags & rst == rst drop
    }
}
END
MAC=$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')
lab_start edge listener /usr/bin/python3 "$here/segments.py" serve 443
lab_await edge tcp 443
run_cases "$@"
