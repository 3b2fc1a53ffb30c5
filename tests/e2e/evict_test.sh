#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# More flows than there is room for. Each is counted on its row; evictions are counted exactly and
# reported. Established connections, and flows that this host has opened, keep their place.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/exporter.sh
. "$here/exporter.sh"

CAPACITY=4096 # half of it for what outsiders open, an eighth for what nobody has answered yet
OUTSIDE=$((CAPACITY / 2)) OPENING=$((CAPACITY / 8))
QUIET=50      # conversations that must not lose their place

live() { jq .flows.live "$LAB/status"; }

# COUNT: the exporter has found that so many flows were evicted since it began.
evicted_is() { [ "$(metric portmatrix_flow_evictions_total)" = "$1" ]; }

assured() { # the ends of each flow of this host's questions and of the established connection
    pm flows --json | jq -r 'select((.row == "av-stun-out" and .state == "answered")
        or (.row == "access-sip-tls-in" and .state == "established"))
        | "\(.row) \(.local_port) \(.remote) \(.remote_port)"' | sort
}

# ROW ROOM COMMAND...: the command opens flows of ROW, more than the ROOM of their table. The others are
# counted as evicted.
overflow() {
    local row=$1 room=$2 before evicted opened
    shift 2
    read_status
    before=$(live) opened=$(row_count "$row" flows_total "$LAB/status")
    evicted=$(metric portmatrix_flow_evictions_total)
    "$@"
    read_status
    opened=$(($(row_count "$row" flows_total "$LAB/status") - opened))
    [ "$opened" -ge $((room * 3 - 5)) ]
    [ $(($(live) - before)) -le "$room" ]
    evicted=$((evicted + opened - ($(live) - before)))
    wait_for 20 evicted_is "$evicted" ||
        expect_equal "$evicted" "$(metric portmatrix_flow_evictions_total)" "evicted flows"
    echo "# $opened flows of $row opened; live $before before, $(live) after; $evicted evicted since the start"
    diff "$LAB/assured" <(assured)
}

case_quiet_conversations() {
    sed "s/contoso-edge/evict/" "$here/edge.yaml" >"$LAB/evict.yaml"
    echo "flow-capacity: $CAPACITY" >>"$LAB/evict.yaml"
    expect_status 0 pm apply -i eth0 "$LAB/evict.yaml"
    expect_equal "$CAPACITY" "$(pm status --json | jq .flows.capacity)" capacity
    in_ns edge /usr/bin/python3 "$here/floods.py" hold "$EDGE4" "$MESSENGER4" 3478 "$QUIET" \
        </dev/null >"$LAB/log/hold" 2>&1
    # shellcheck disable=SC2016 # expanded by the inner shell
    lab_start user talk sh -c '{ echo before; cat "$0"; } | exec socat -t 10 - "$1"' "$LAB/gate" "TCP:$EDGE4:443"
    wait_for 20 grep -q before "$LAB/log/talk"
    assured >"$LAB/assured"
    expect_equal $((QUIET + 1)) "$(wc -l <"$LAB/assured")" "quiet conversations"
    lab_start edge exporter "$PORTMATRIX" export --listen 9927 --interval 1s \
        --json-flows "$LAB/flows.json"
    lab_await edge tcp 9927
    expect_equal 0 "$(metric portmatrix_flow_evictions_total)" evictions
    expect_equal "$CAPACITY" "$(metric portmatrix_flow_capacity)" capacity
}

full_is() { # TEXT: doctor calls that table full, and no other
    pm doctor --json | jq -es --arg text "$1" 'map(select(.check == "flows")) | length == 3 and
        (map(select(.grade == "warning").message) | length == 1 and (.[0] | contains($text)))' >/dev/null ||
        { pm doctor; return 1; }
}

many_sources() { # ADDRESS: each of another source
    flood attacker send udp "$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')" "$1" 3478 $((OUTSIDE * 3))
}

case_outsiders_open_three_times_what_there_is_room_for() {
    overflow av-stun-in "$OUTSIDE" many_sources "$EDGE4"
    full_is "flows that others opened are live, of $OUTSIDE at most"
}

# A walk of the exporter has seen the flows that are there now.
case_others_take_their_places() {
    overflow av-stun-in "$OUTSIDE" many_sources "$VLAN_EDGE"
}

case_this_host_asks_three_times_as_many_in_vain() {
    overflow av-stun-out "$OPENING" flood edge ask "$USER4" 3478 $((OPENING * 3)) "$EDGE4" 0
}

# A flow that a walk has seen gets a record that says how it ended. Of the others the number is known.
evictions_told() { jq -s 'map(select(.reason == "lack-of-resources" and .event == "end")) | length' "$LAB/flows.json"; }
all_are_told() {
    [ $(($(evictions_told) + $(metric portmatrix_flow_records_lost_total))) = "$(metric portmatrix_flow_evictions_total)" ]
}

case_each_has_a_record_or_is_known_to_have_none() {
    { wait_for 20 all_are_told && [ "$(evictions_told)" -ge $((OUTSIDE / 2)) ]; } ||
        { echo "$(evictions_told) told, $(metric portmatrix_flow_records_lost_total) not"; return 1; }
    echo "# $(evictions_told) told, $(metric portmatrix_flow_records_lost_total) seen by no walk"
}

case_nothing_was_dropped_and_everything_goes_on() {
    read_status
    expect_equal 0 "$(jq '[.drops[] | select(.reason == "flow-table-full")] | length' "$LAB/status")" flow-table-full
    echo after >"$LAB/gate"
    wait_for 20 grep -q after "$LAB/log/talk"
    tcp_talks user "$EDGE4" 443
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_start edge edge-echo /usr/bin/python3 "$here/talkers.py" serve tcp:443
lab_start messenger messenger-call /usr/bin/python3 "$here/talkers.py" serve udp:3478
lab_await edge tcp 443
lab_await messenger udp 3478
mkfifo "$LAB/gate"
in_ns edge ip address add "$VLAN_EDGE/32" dev eth0
# The addresses of the flood belong to nobody.
in_ns edge ip route add blackhole 11.0.0.0/8
run_cases "$@"
