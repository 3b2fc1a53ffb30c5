# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The scenario: an edge with real services behind the published matrix, a partner and a client that
# use them with real programs. Sourced, after tests/e2e/lab.sh and tests/e2e/cases.sh, by what runs
# it over virtual machines (vagrant/scenario) and over network namespaces
# (tests/e2e/scenario_test.sh). Those give:
#
#   on HOST COMMAND...      runs it there as root, in the host's working folder
#   copy_to HOST FILE...    puts files into that folder
#   reboot_edge             and returns when its services are up again
#   WORK                    a folder of this run
#
# The edge starts with vagrant/edge/policy.yaml in force, by its service's own doing.

machines=$ROOT/vagrant
address_of() { awk -v name="$1" '$2 == name { print $1 }' "$machines/hosts"; }
EDGE=$(address_of edge) PARTNER=$(address_of partner) CLIENT=$(address_of client)

# --- what runs beside a step: it ends when its input does, at the latest with the step

background() { # LABEL HOST COMMAND...
    local label=$1 host=$2 input
    shift 2
    rm -f "$WORK/$label.in"
    mkfifo "$WORK/$label.in"
    on "$host" "$@" <"$WORK/$label.in" >"$WORK/$label.out" 2>&1 &
    processes[$label]=$!
    exec {input}>"$WORK/$label.in"
    inputs[$label]=$input
}
declare -A processes=() inputs=()

# What does not look at its input.
# shellcheck disable=SC2016 # for the other shell
held() { background "$1" "$2" sh -c '"$@" </dev/null & cat >/dev/null; kill $!; wait $!' - "${@:3}"; }

end_input() { # LABEL: and waits for its end, of which this is the status
    local input=${inputs[$1]}
    exec {input}>&-
    wait "${processes[$1]}"
}

is_running() { kill -0 "${processes[$1]}" 2>/dev/null; }

listens() { # HOST tcp|udp PORT
    on "$1" ss -Hln "--$2" "sport = :$3" | grep . >/dev/null
}

await_service() { # HOST tcp|udp PORT
    wait_for 20 listens "$@" || { echo "nothing listens: $*" >&2; tail -n 5 "$WORK"/*.out >&2; return 1; }
}

# The other ends of calls and media, for all steps.
start_peers() {
    copy_to partner "$WORK/tls" "$machines"/partner/* "$machines/client/options.xml"
    copy_to client "$WORK/tls" "$machines"/client/*
    held partner-tls partner stunnel stunnel.conf
    held client-tls client stunnel stunnel.conf
    held partner-sip partner sipp -sf answer.xml -t tn -max_socket 100 -i 127.0.0.1 -p 5070 -nostdin
    held partner-media partner turnutils_peer -L "$PARTNER" -p 3478
    await_service partner tcp 5061
    await_service partner tcp 5070
    await_service partner udp 3478
    await_service client tcp 10443
}

sip_options() { # HOST TARGET [OPTION...]: SIP OPTIONS over TCP, answered
    on "$1" sipp -sf options.xml -m 1 -nostdin -timeout $((10 * SLOW)) -timeout_error "${@:3}" "$2"
}

call() { # MILLISECONDS-BETWEEN: of 100 requests within it
    on client sipp -sf call.xml -m 1 -d "$1" -t t1 -i 127.0.0.1 -nostdin 127.0.0.1:10443
}

media() { # DATAGRAMS MILLISECONDS-BETWEEN: by the edge's TURN to the partner and back
    on client turnutils_uclient -u client -w matrix -c -e "$PARTNER" -r 3478 -n "$1" -z "$2" "$EDGE"
}

lost_media() { # FILE: what turnutils_uclient says at its end
    sed -n 's/.*Total lost packets \([0-9]*\) .*/\1/p' "$1" | tail -n 1
}

status() { on edge portmatrix status --json; } # what tests/e2e/status.sh asks

put_policy() { # NAME [SED-EXPRESSION]: a variation of the edge's policy, put into its folder
    sed "s/^policy: .*/policy: $1/; ${2:-}" "$machines/edge/policy.yaml" >"$WORK/$1.yaml"
    copy_to edge "$WORK/$1.yaml"
}

open_ports() { # HOST NMAP-OPTION...: as 443,5061
    on "$1" nmap -n -Pn -T4 --max-retries 2 -oG - "${@:2}" "$EDGE" | grep -o '[0-9]*/open/' | cut -d/ -f1 | paste -sd,
}

# Kamailio listens on 5060, over UDP and TCP, and the matrix does not name it. Knocks go out though
# the edge is away, since nobody has to be asked for its link-layer address.
begin_knocking() { # [KNOCKS]: so many, or until end_knocking
    local mac
    mac=$(on edge ip -j link show dev eth1 | jq -r '.[0].address')
    on client ip neigh replace "$EDGE" lladdr "$mac" dev eth1 nud permanent
    background knocks client python3 knock.py "$EDGE" 5060 eth1 "$@"
    wait_for 10 grep -q knocking "$WORK/knocks.out"
}

# Sets $knocks and $answers.
end_knocking() { # [KNOCKS]: after so many
    if [ $# -gt 0 ]; then wait "${processes[knocks]}"; else end_input knocks; fi
    cat "$WORK/knocks.out"
    read -r knocks answers < <(sed -n 's/\([0-9]*\) knocks, \([0-9]*\) answers/\1 \2/p' "$WORK/knocks.out")
    on client ip neigh del "$EDGE" dev eth1
}

# At the edge, where they are dropped.
knocks_arrive() { [ "$(drop_count in no-service)" -gt 10 ]; }

# --- the steps

case_the_services_policy_is_in_force() {
    wait_for 20 state_is "1 vagrant-edge enforce"
    status | jq -e '.interface == "eth1" and .drift == null and .egress != null and .ingress.kind == "xdp"'
    echo "# XDP: $(status | jq -r .ingress.mode), TC: $(status | jq -r .egress.kind), Linux $(on edge uname -r)"
    listens edge udp 5060
    listens edge tcp 5060
}

case_a_partner_asks_for_options_over_mutual_tls() {
    local packets
    packets=$(row_count access-sip-mtls-in packets_in)
    sip_options partner 127.0.0.1:15061 -t t1 -i 127.0.0.1
    [ "$(row_count access-sip-mtls-in packets_in)" -gt $((packets + 5)) ]
}

case_a_client_asks_for_options_over_tls() {
    local packets
    packets=$(row_count access-sip-tls-in packets_in)
    sip_options client 127.0.0.1:10443 -t t1 -i 127.0.0.1
    [ "$(row_count access-sip-tls-in packets_in)" -gt $((packets + 5)) ]
}

case_a_client_does_not_reach_the_partners_port() {
    refused sip_options client 127.0.0.1:15061 -t t1 -i 127.0.0.1
}

case_a_client_does_not_reach_a_port_beside_the_matrix() {
    refused sip_options client "$EDGE:5060" -t u1 -i "$CLIENT"
}

case_a_call_goes_through_to_the_partner() {
    local packets_in packets_out
    packets_in=$(row_count access-sip-tls-in packets_in)
    packets_out=$(row_count access-sip-mtls-out packets_out)
    call 1
    [ "$(row_count access-sip-tls-in packets_in)" -gt $((packets_in + 100)) ]
    [ "$(row_count access-sip-mtls-out packets_out)" -gt $((packets_out + 100)) ]
}

case_stun_tells_the_client_its_address() {
    on client turnutils_stunclient -p 3478 "$EDGE" | tee "$WORK/stun"
    grep "reflexive addr: $CLIENT:" "$WORK/stun"
}

case_turn_relays_media_to_the_partner() {
    local packets
    packets=$(row_count av-stun-out packets_out)
    media 100 20 >"$WORK/media.log"
    expect_equal 0 "$(lost_media "$WORK/media.log")" "datagrams lost"
    [ "$(row_count av-stun-out packets_out)" -ge $((packets + 100)) ]
    [ "$(row_count av-stun-in packets_in)" -gt 100 ]
}

case_a_scan_by_the_client_finds_the_matrix_and_nothing_else() {
    expect_equal 443 "$(open_ports client -sS -p- --min-rate 3000)" tcp
    expect_equal 3478 "$(open_ports client -sU -p 53,123,161,3477-3479,5060,5061)" udp
}

case_a_scan_by_the_partner_finds_its_port_too() {
    expect_equal 443,5061 "$(open_ports partner -sS -p 1-6000,49990-50010,59990-60010 --min-rate 3000)" tcp
}

case_pings_and_drops_are_counted_exactly() {
    local pings drops
    pings=$(row_count ping-in packets_in)
    drops=$(drop_count in no-service)
    on client ping -n -q -c 20 -i 0.05 -W $((2 * SLOW)) "$EDGE"
    expect_equal $((pings + 20)) "$(row_count ping-in packets_in)" pings
    on client bash -c "for n in 1 2 3 4 5 6 7; do echo \$n >/dev/udp/$EDGE/9; done"
    expect_equal $((drops + 7)) "$(drop_count in no-service)" "drops: no-service"
}

case_where_nothing_is_enforced_that_port_answers() {
    local knocks answers
    on edge portmatrix apply --mode audit --confirm-within $((60 * SLOW))s
    begin_knocking 100
    end_knocking 100
    on edge portmatrix rollback
    [ "$answers" -ge 100 ]
    begin_knocking 100
    end_knocking 100
    expect_equal 0 "$answers" "answers under enforcement"
}

case_a_call_goes_on_while_policies_change() {
    local round between=$((50 * SLOW)) before
    for round in 1 2 3; do
        put_policy "update-$round" "s/192.168.56.1\]/192.168.56.$round]/"
    done
    before=$(drop_count in no-service)
    background call client sipp -sf call.xml -m 1 -d "$between" -t t1 -i 127.0.0.1 -nostdin 127.0.0.1:10443
    background media client turnutils_uclient -u client -w matrix -c -e "$PARTNER" -r 3478 \
        -n 200 -z "$((between / 2))" "$EDGE"
    wait_for 10 grep -q start_mclient "$WORK/media.out"
    for round in 1 2 3; do
        on edge portmatrix apply "update-$round.yaml"
    done
    is_running call # or the last change came too late
    is_running media
    end_input call
    end_input media
    expect_equal 0 "$(lost_media "$WORK/media.out")" "datagrams lost"
    expect_equal "$before" "$(drop_count in no-service)" "drops: no-service"
    [[ $(state_in_force) = *" update-3 enforce" ]]
}

case_a_policy_that_nobody_confirms_goes_back() {
    local before
    before=$(state_in_force)
    put_policy too-open 's/^expect:/matrix:\n  - { id: sip-udp, transport: udp, source: clients, destination: access, port: 5060 }\n&/;
        /udp: 5060/d'
    on edge portmatrix apply too-open.yaml --confirm-within $((6 * SLOW))s
    sip_options client "$EDGE:5060" -t u1 -i "$CLIENT"
    wait_for 20 state_is "$before"
    refused sip_options client "$EDGE:5060" -t u1 -i "$CLIENT"
    on edge portmatrix history | tail -n 3
}

case_the_edge_is_closed_all_through_a_reboot() {
    local knocks answers before boot=$SECONDS
    before=$(state_in_force)
    begin_knocking
    reboot_edge
    boot=$((SECONDS - boot))
    await_service edge udp 5060
    wait_for 10 knocks_arrive
    end_knocking
    expect_equal 0 "$answers" "answers while the edge started"
    expect_equal "$before" "$(state_in_force)" "in force"
    echo "# $boot s, $knocks knocks, $answers answers, $(drop_count in no-service) dropped since the edge is up"
}

case_everything_works_after_the_reboot() {
    sip_options partner 127.0.0.1:15061 -t t1 -i 127.0.0.1
    call 1
    media 50 20 >"$WORK/media.log"
    expect_equal 0 "$(lost_media "$WORK/media.log")" "datagrams lost"
    refused sip_options client "$EDGE:5060" -t u1 -i "$CLIENT"
    expect_equal 443 "$(open_ports client -sS -p 1-6000 --min-rate 3000)" tcp
}
