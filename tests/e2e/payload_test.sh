#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Payload checks with real peers: each protocol opens its row, another one on the same port does not. A
# mismatch is counted even where it is not dropped yet.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

checking_policy() { # NAME drop|count
    cat >"$LAB/$1.yaml" <<END
policy: $1
edge: { edge: [$EDGE4, "$EDGE6"] }
peers: { everyone: any }
matrix:
$(row_text tls-in everyone edge tcp 443 "tls, on-mismatch: $2")
$(row_text sips-in everyone edge tcp 5061 "tls, on-mismatch: $2")
$(row_text sips-out edge everyone tcp 5061 "tls, on-mismatch: $2")
$(row_text sip-in everyone edge udp 5060 "sip, on-mismatch: $2")
$(row_text turn-in everyone edge "[tcp, udp]" 3478 "stun, on-mismatch: $2")
$(row_text msturn-in everyone edge udp 3479 "msturn, on-mismatch: $2")
$(row_text media-in everyone edge udp 50000-50100 "rtp, on-mismatch: $2")
END
    echo "$LAB/$1.yaml"
}

row_text() { # ID SOURCE DESTINATION TRANSPORT PORT CHECK
    echo "  - { id: $1, transport: $4, source: $2, destination: $3, port: $5, check: { payload: $6 } }"
}

flows() { row_count "$1" flows_total; } # ROW
mismatched() { drop_count any payload-mismatch; }

# NAME PORT HEX...: sends datagrams from one socket; prints 1 for each that the echo service sent back, else
# 0, as 101.
echoed() {
    in_ns "$1" /usr/bin/python3 - "$EDGE4" "${@:2}" <<'PYTHON'
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(1)
one.connect((sys.argv[1], int(sys.argv[2])))
said = ""
for text in sys.argv[3:]:
    data = bytes.fromhex(text.replace("-", ""))
    one.send(data)
    try:
        said += "1" if one.recv(65535) == data else "?"
    except OSError:
        said += "0"
print(said)
PYTHON
}

case_counting_lets_everything_pass() {
    pm apply -i eth0 "$(checking_policy counting count)"
    expect_equal 1 "$(echoed user 50000 deadbeef)" "not RTP"
    pm apply "$(checking_policy checked drop)"
}

case_tls_passes_and_others_do_not() {
    tls_talks user "$EDGE4" 443
    tls_talks user "$EDGE6" 443
    refused tcp_talks user "$EDGE4" 5061
    [ "$(mismatched)" -gt 0 ]
}

# Sends the TLS hello in two segments, the first of one byte.
case_a_first_segment_of_one_byte() {
    in_ns user /usr/bin/python3 - "$EDGE4" <<'PYTHON'
import socket, ssl, sys, time
context = ssl._create_unverified_context()
coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(coming, going)
wire = socket.create_connection((sys.argv[1], 443), 5)
wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
first = True
while True:
    try:
        tls.do_handshake()
        break
    except ssl.SSLWantReadError:
        data = going.read()
        if first:
            wire.send(data[:1])
            time.sleep(0.1)  # so that it leaves in a segment of its own
            data, first = data[1:], False
        wire.sendall(data)
        coming.write(wire.recv(65535))
PYTHON
}

case_what_this_host_opens_is_asked_too() {
    tls_talks edge "$PARTNER4" 5061
    local before
    before=$(mismatched)
    refused tcp_talks edge "$PARTNER4" 5061
    [ "$(mismatched)" -gt "$before" ]
}

case_stun_turn_and_dtls_on_one_port() {
    stun_talks user "$EDGE4"
    stun_talks user "$EDGE6"
    in_ns user timeout 10 openssl s_client -dtls1_2 -connect "$EDGE4:3478" </dev/null 2>&1 | grep "BEGIN CERTIFICATE" >/dev/null
    in_ns user timeout 10 openssl s_client -connect "$EDGE4:3478" </dev/null 2>&1 | grep "BEGIN CERTIFICATE" >/dev/null
    in_ns user timeout 20 turnutils_uclient -t -y -n 3 -m 1 -l 100 -e "$EDGE4" -r 3480 "$EDGE4" 2>&1 |
        grep "tot_recv_msgs=[1-9]" >/dev/null
    local before
    before=$(flows turn-in)
    echoed user 3478 47455420 00010000 >/dev/null
    expect_equal "$before" "$(flows turn-in)" "flows after what is neither"
}

# MS-TURN: an allocation whose attributes are not padded opens; frames and raw media follow. What
# comes first without being one of these does not.
case_msturn_with_raw_media_afterwards() {
    local cookie=000f000472c64bc6 id=9b1c03d59b1c03d59b1c03d59b1c03d5
    expect_equal 1111 "$(echoed user 3479 0003000b-$id-$cookie-aabbcc ff10000a-0102030405060708-8008 \
        80080001aabbccdd 16fefd0000)" "an allocation, a frame, media, DTLS"
    expect_equal 1 "$(echoed user 3479 ff10000a-0102030405060708-8008)" "a frame first"
    expect_equal 0 "$(echoed user 3479 80080001aabbccdd80080001)" "media first"
}

case_media() {
    expect_equal 111 "$(echoed user 50000 80080001aabbccdd01020304 00 474554)" "RTP, then anything"
    expect_equal 0 "$(echoed user 50001 4745542f)" "text first"
}

case_sip_over_udp() {
    in_ns user timeout 30 sipp -sn uac -m 3 -r 10 -i "$USER4" -p 6060 "$EDGE4:5060" >"$LAB/log/uac" 2>&1 ||
        { tail -n 30 "$LAB/log/uac"; return 1; }
    local before
    before=$(flows sip-in)
    echoed user 5060 0d0a0d0a >/dev/null
    echoed user 5060 00 >/dev/null
    expect_equal $((before + 2)) "$(flows sip-in)" "flows after keepalives"
    echoed user 5060 deadbeef >/dev/null
    expect_equal $((before + 2)) "$(flows sip-in)" "flows after what is no SIP"
}

# sipp has no TLS in Debian: stunnel speaks it for both ends.
case_sip_over_tls() {
    in_ns partner timeout 30 sipp -sn uac -t t1 -m 3 -r 10 -i 127.0.0.1 -p 6061 127.0.0.1:5070 \
        >"$LAB/log/uac-tls" 2>&1 || { tail -n 30 "$LAB/log/uac-tls" "$LAB"/log/stunnel-*; return 1; }
    [ "$(flows sips-in)" -gt 0 ]
}

stunnel_for() { # NAME: client or server, by its settings on stdin
    { printf 'foreground = yes\npid =\nsyslog = no\n[sip]\n'; cat; } >"$LAB/stunnel-$1"
    lab_start "$1" "stunnel-$1" stunnel4 "$LAB/stunnel-$1"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_certificate edge
lab_certificate partner
cat "$LAB"/*.crt >"$LAB/trust.pem"
for family in 4 6; do lab_tls_server edge 443 $family; done
lab_tls_server partner 5061 4
lab_start edge edge-turn turnserver -n --no-auth --no-cli --no-rfc5780 --simple-log -L "$EDGE4" -L "$EDGE6" \
    -p 3478 --cert "$LAB/edge.crt" --pkey "$LAB/edge.key" -l stdout --pidfile "$LAB/turn.pid" \
    --userdb "$LAB/turn.db" --allow-loopback-peers
lab_start edge edge-echo /usr/bin/python3 "$here/talkers.py" serve udp:3479 udp:50000 udp:50001
in_ns edge ip link set lo up
for transport in u1:5060:$EDGE4 t1:5070:127.0.0.1; do
    IFS=: read -r kind port address <<<"$transport"
    lab_start edge "uas-$kind" sipp -sn uas -t "$kind" -i "$address" -p "$port" -nostdin
done
stunnel_for edge <<END
accept = $EDGE4:5061
connect = 127.0.0.1:5070
cert = $LAB/edge.crt
key = $LAB/edge.key
END
stunnel_for partner <<END
client = yes
accept = 127.0.0.1:5070
connect = $EDGE4:5061
END
lab_await edge tcp4 443 5061
lab_await edge udp 3478 3479 5060 50000
lab_await partner tcp 5070
run_cases "$@"
