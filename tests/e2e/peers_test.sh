#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Real peers with the policies that are shipped for them. Kamailio answers and sends calls by mutual TLS,
# coturn relays media, MS-TURN's dialect passes the payload checks. Hostile packets on a permitted port
# are judged as documented and crash no service.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

GARBLED=${PM_GARBLED:-300}

peers_policy() { # ROW...
    cat <<END
policy: peers
include: [kamailio-rtpengine.yaml, coturn.yaml]
edge:
  sip: [$EDGE4]
  turn: sip
  av: sip
peers:
  sip-peers: [198.51.100.0/24, $USER4]
ports:
  relay-range: 50000-59999
matrix:
  - { id: sip-udp-in, transport: udp, source: sip-peers, destination: sip, port: 5060,
      check: { payload: sip, on-mismatch: drop } }
  - { id: sip-tls-in, transport: tcp, source: sip-peers, destination: sip, port: 5061,
      check: { payload: tls, on-mismatch: drop } }
  - { id: sip-tcp-out, transport: tcp, source: sip, destination: sip-peers, port: 5061,
      check: { payload: tls, on-mismatch: drop } }
  - { id: turn-udp-in, transport: udp, source: clients, destination: turn, port: 3478,
      check: { payload: stun, on-mismatch: drop } }
  - { id: turn-tcp-in, transport: tcp, source: clients, destination: turn, port: 3478,
      check: { payload: stun, on-mismatch: drop } }
  - { id: turns-tcp-in, transport: tcp, source: clients, destination: turn, port: 5349,
      check: { payload: tls, on-mismatch: drop } }
  - { id: av-stun-in, transport: [udp, tcp], source: clients, destination: av, port: 3481,
      check: { payload: msturn, on-mismatch: drop } }
  - { id: turn-echo-in, transport: [udp, tcp], source: clients, destination: turn, port: 3482,
      check: { payload: stun, on-mismatch: drop } }
$*
expect:
  - { from: $ATTACKER4, to: sip, tcp: 5061, verdict: drop }
  - { from: $ATTACKER4, to: sip, udp: 50000-59999, verdict: drop }
END
}

sip() { # NAME ARGUMENT...
    SIP_CERTIFICATE=$LAB/partner.crt SIP_KEY=$LAB/partner.key in_ns "$1" timeout 120 \
        /usr/bin/python3 "$here/sip.py" "${@:2}"
}

# NAME USER: calls of that user through the proxy of this host, on loopback.
calls() {
    in_ns "$1" timeout 60 sipp -sn uac -s "$2" -m 20 -r 20 -d 50 -i 127.0.0.1 -p 5080 -nostdin \
        127.0.0.1:5062 >"$LAB/log/uac" 2>&1 || { tail -n 40 "$LAB/log/uac" "$LAB"/log/kamailio-*; return 1; }
}

kamailio_for() { # NAME ADDRESS PEER PEER-ADDRESS
    mkdir -p "$LAB/kamailio-$1"
    lab_start "$1" "kamailio-$1" kamailio -DD -E -f "$here/kamailio.cfg" -Y "$LAB/kamailio-$1" \
        -w "$LAB/kamailio-$1" -P "$LAB/kamailio-$1/pid" -m 64 -M 8 \
        -A "OWN_ADDRESS=$2" -A "OWN_USER=\"$1\"" -A "PEER_USER=\"$3\"" \
        -A "PEER_URI=\"sip:$4:5061;transport=tls\"" -A "CERTIFICATE=\"$LAB/$1.crt\"" \
        -A "KEY=\"$LAB/$1.key\"" -A "TRUST=\"$LAB/trust.pem\""
}

# The process is the same as in the beginning (a child that crashes ends it), and it answers.
proxy_lives() {
    expect_equal "$proxy" "$(cat "$LAB/kamailio-edge/pid")" "process of the proxy"
    kill -0 "$proxy"
    expect_equal "SIP/2.0 200 OK" "$(sip partner options tls "$EDGE4" "sip:$EDGE4")" OPTIONS
}

case_apply() { pm apply -i eth0 "$LAB/peers.yaml"; }

case_options_by_udp_and_tls() {
    expect_equal "SIP/2.0 200 OK" "$(sip user options udp "$EDGE4" "sip:$EDGE4")" "by UDP"
    expect_equal "SIP/2.0 200 OK" "$(sip partner options tls "$EDGE4" "sip:$EDGE4")" "by TLS"
    local before
    before=$(drop_count in no-row)
    refused sip attacker options udp "$EDGE4" "sip:$EDGE4"
    refused sip attacker options tls "$EDGE4" "sip:$EDGE4"
    [ "$(drop_count in no-row)" -ge $((before + 2)) ]
}

case_calls_in() {
    calls partner edge
    [ "$(row_count sip-tls-in flows_total)" -gt 0 ]
}

case_calls_out() {
    calls edge partner
    [ "$(row_count sip-tcp-out flows_total)" -gt 0 ]
    [ "$(row_count sip-tcp-out packets_in)" -gt 0 ]
}

case_garbled_datagrams() {
    local flows mismatched like_sip
    flows=$(row_count sip-udp-in flows_total) mismatched=$(drop_count in payload-mismatch)
    like_sip=$(sip user garbled udp "$EDGE4" "$GARBLED")
    echo "# $like_sip of $GARBLED begin as SIP does"
    expect_equal $((flows + like_sip)) "$(row_count sip-udp-in flows_total)" "flows of what begins as SIP does"
    [ "$(drop_count in payload-mismatch)" -ge $((mismatched + GARBLED - like_sip)) ]
    proxy_lives
}

case_garbled_requests_inside_tls() {
    sip partner garbled tls "$EDGE4" $((GARBLED / 3)) >/dev/null
    proxy_lives
    calls partner edge
}

case_no_tls_where_tls_is_due() {
    local before
    before=$(drop_count in payload-mismatch)
    expect_equal 0 "$(sip partner garbled tcp "$EDGE4" 20)" "connections that were answered"
    [ "$(drop_count in payload-mismatch)" -ge $((before + 20)) ]
    proxy_lives
}

# NAME OPTION...: one datagram each 20 ms, by a client that turnserver knows, through the relay to
# turnutils_peer and back. Prints how many were sent and came back.
relayed() {
    { in_ns user timeout 30 turnutils_uclient -u matrix -w secret -n 20 -m 1 -l 160 \
        -e "$MESSENGER4" -r 3480 "$@" "$EDGE4" 2>&1 || true; } |
        sed -n 's/.*tot_send_msgs=\([0-9]*\), tot_recv_msgs=\([0-9]*\).*/\1 \2/p' | tail -n 1
}

has_relayed() { # PACKETS-OUT PACKETS-IN: so many at least since the beginning
    [ "$(row_count relay-udp-out packets_out)" -ge "$1" ] && [ "$(row_count relay-udp-out packets_in)" -ge "$2" ]
}

# OPTIONS [LEAST]: at least so many datagrams are sent, and all arrive at the peer and come back.
relays() {
    local out in back sent
    out=$(row_count relay-udp-out packets_out) in=$(row_count relay-udp-out packets_in)
    # shellcheck disable=SC2086 # one word an option
    back=$(relayed $1)
    echo "# client '$1': $back sent and received"
    sent=${back% *}
    [ "$sent" -ge "${2:-20}" ]
    # The relay and the peer have seen each datagram; only the client may end before its last answer comes.
    wait_for 20 has_relayed $((out + sent)) $((in + sent)) ||
        { pm status; return 1; }
    [ "${back#* }" -ge $((sent - 1)) ]
}

case_media_relayed_for_every_kind_of_client() {
    local kind
    while read -r kind; do
        relays "$kind"
    done <<<$'-p 3478\n-s -p 3478\n-t -p 3478\n-t -S -p 5349\n-S -p 3478'
    [ "$(row_count turn-udp-in flows_total)" -gt 0 ]
    [ "$(row_count turn-tcp-in flows_total)" -gt 0 ]
    [ "$(row_count turns-tcp-in flows_total)" -gt 0 ]
}

# While an allocation lives, its port is open to the peers that it has spoken to and to nobody else.
case_a_strangers_datagram_at_a_live_relay() {
    local client port before earlier
    earlier=$(relay_ports)
    in_ns user timeout 20 turnutils_uclient -u matrix -w secret -n 200 -m 1 -e "$MESSENGER4" \
        -r 3480 "$EDGE4" >/dev/null 2>&1 &
    client=$!
    # shellcheck disable=SC2317 # called by wait_for
    has_relay() { port=$(comm -13 <(echo "$earlier") <(relay_ports) | head -n 1) && [ -n "$port" ]; }
    wait_for 20 has_relay
    echo "# the relay's port is $port"
    is_of_the_range "$port"
    before=$(drop_count in not-first-packet)
    in_ns attacker hping3 -q --udp -c 10 -i u1000 -k -s 3480 -p "$port" "$EDGE4" >/dev/null 2>&1 || true
    expect_equal $((before + 10)) "$(drop_count in not-first-packet)" "datagrams of a stranger"
    kill "$client" 2>/dev/null || true
}
relay_ports() { pm flows --row relay-udp-out --peer "$MESSENGER4" --json | jq -r .local_port | sort -u; }
is_of_the_range() { [ "$1" -ge 50000 ] && [ "$1" -le 59999 ]; }

# RFC 6062: TCP from a port of the range, which the matrix has to name.
case_tcp_relayed_from_the_range() {
    refused stun user relay "$EDGE4" "$MESSENGER4" 3490
    peers_policy "  - { id: av-rtp-tcp-relay-out, transport: tcp, source: av, source-port: relay-range,
      destination: clients, port: any }" >"$LAB/tcp.yaml"
    pm apply "$LAB/tcp.yaml"
    local said
    said=$(stun user relay "$EDGE4" "$MESSENGER4" 3490)
    expect_equal matrix "${said#* }" "what came back"
    is_of_the_range "${said% *}"
    expect_equal 1 "$(row_count av-rtp-tcp-relay-out flows_total)" "flows of the relay"
}

stun() { # NAME ARGUMENT...
    in_ns "$1" timeout 60 /usr/bin/python3 "$here/stun.py" "${@:2}"
}

case_garbled_stun() {
    local flows mismatched requests
    flows=$(row_count turn-udp-in flows_total) mismatched=$(drop_count in payload-mismatch)
    requests=$(stun user garbled "$EDGE4" 3478 $((GARBLED * 4)))
    echo "# $requests of $((GARBLED * 4)) are requests or DTLS still"
    expect_equal $((flows + requests)) "$(row_count turn-udp-in flows_total)" "flows of what is a request"
    expect_equal $((mismatched + GARBLED * 4 - requests)) "$(drop_count in payload-mismatch)" mismatches
    kill -0 "$(cat "$LAB/turn.pid")"
    relays "" 40
}

# What each check says of a first payload: the first figure is for `stun`, the second for `msturn`.
case_the_dialect_of_microsoft_by_udp() {
    local id=9b1c03d59b1c03d59b1c03d5 own cookie=000f000472c64bc6
    own=9b1c03d5$id
    local -a messages=(
        "00010000-2112a442-$id"                              # 1 1  a binding
        "00010000-$own"                                      # 0 1  one of MS-ICE2, without a cookie
        "00030008-$own-$cookie"                              # 0 1  an allocation
        "0003000f-$own-$cookie-00060003-616263"              # 0 1  with an attribute that is not padded
        "0003000f-2112a442-$id-$cookie-00060003-616263"      # 0 1  and the other cookie too
        "00040008-$own-$cookie"                              # 0 1  send
        "00060008-$own-$cookie"                              # 0 1  set active destination
        "ff10000a-0102030405060708-8008"                     # 0 1  a frame of multiplexed TURN
        "00030010-$own-00060004-61626364-$cookie"            # 0 0  its cookie comes second
        "00030008-$own-000f000472c64bc7"                     # 0 0  another cookie
        "00030009-$own-$cookie"                              # 0 0  the length of more than there is
        "01150008-$own-$cookie"                              # 0 0  a data indication opens nothing
        "01030008-$own-$cookie"                              # 0 0  nor does an answer
        "ff10000b-0102030405060708-8008"                     # 0 0  a frame that is cut
        "80080001aabbccdd01020304"                           # 0 0  media
        "16fefd000000000000000000040100000000"               # 1 0  DTLS
    )
    expect_equal 1000000000000001 "$(stun user first udp "$EDGE4" 3482 "${messages[@]}")" "by stun"
    expect_equal 1111111100000000 "$(stun user first udp "$EDGE4" 3481 "${messages[@]}")" "by msturn"
}

case_the_dialect_of_microsoft_by_tcp() {
    local id=9b1c03d59b1c03d59b1c03d5
    local -a messages=(
        "00010000-2112a442-$id"                              # 1 1  a binding
        "0001"                                               # 1 1  the beginning of one
        "160301002d0100002903010000"                         # 1 1  the pseudo-TLS of MS-TURN
        "804601030100"                                       # 0 1  and of Google
        "0200001c-00030008-9b1c03d5$id-000f000472c64bc6"     # 0 1  an allocation, framed
        "0300000480080001"                                   # 0 1  data, framed
        "00030008-9b1c03d5$id-000f000472c64bc6"              # 0 0  an allocation without a frame
        "474554202f"                                         # 0 0  text
    )
    expect_equal 11100000 "$(stun user first tcp "$EDGE4" 3482 "${messages[@]}")" "by stun"
    expect_equal 11111100 "$(stun user first tcp "$EDGE4" 3481 "${messages[@]}")" "by msturn"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_certificate edge
lab_certificate partner
cat "$LAB"/*.crt >"$LAB/trust.pem"
peers_policy >"$LAB/peers.yaml"
kamailio_for edge "$EDGE4" partner "$PARTNER4"
kamailio_for partner "$PARTNER4" edge "$EDGE4"
for name in edge partner; do
    lab_start "$name" "uas-$name" sipp -sn uas -i 127.0.0.1 -p 5070 -nostdin
    lab_await "$name" tcp 5061
    lab_await "$name" udp 5060 5062 5070
done
lab_start edge edge-turn turnserver -n --lt-cred-mech --user matrix:secret --realm example --no-cli \
    --no-rfc5780 --simple-log -L "$EDGE4" -p 3478 --cert "$LAB/edge.crt" --pkey "$LAB/edge.key" -l stdout \
    --min-port 50000 --max-port 59999 --pidfile "$LAB/turn.pid" --userdb "$LAB/turn.db"
lab_start edge edge-echo /usr/bin/python3 "$here/talkers.py" serve udp:3481 udp:3482
lab_echo edge 3481 3482
lab_echo messenger 3490
lab_start messenger peer turnutils_peer -L "$MESSENGER4" -p 3480
lab_await edge udp 3478 3481 3482
lab_await edge tcp 3478 5349 3481 3482
lab_await messenger tcp 3490
lab_await messenger udp 3480
proxy=$(cat "$LAB/kamailio-edge/pid")
run_cases "$@"
