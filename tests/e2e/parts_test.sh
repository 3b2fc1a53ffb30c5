#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Large datagrams whose parts come in another order than they were sent: over the links of a bond, or by
# several queues of a network card.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

COUNT=100

come_back() { # HOST OWN-ADDRESS EDGE-ADDRESS PORT SECONDS: of COUNT datagrams
    in_ns "$1" /usr/bin/python3 "$here/parts.py" "$2" "$3" "$MAC" "$4" "$COUNT" "$5"
}

case_every_order_arrives() {
    expect_equal "$COUNT" "$(come_back user "$USER4" "$EDGE4" 5000 30)" "datagrams that come back, IPv4"
    expect_equal "$COUNT" "$(come_back user "$USER6" "$EDGE6" 5000 30)" "datagrams that come back, IPv6"
    [ "$(row_count essential-fragment packets_in)" -ge $((2 * COUNT)) ]
    expect_equal 0 "$(drop_count any fragment-unknown)" "parts that were lost"
}

# Nothing is put together where the first part is dropped: its port is for others.
case_a_port_of_others_gets_nothing() {
    expect_equal 0 "$(come_back user "$USER4" "$EDGE4" 5001 2)" "datagrams that come back"
    [ "$(drop_count in no-row)" -gt 0 ]
}

# Who may send nothing gets no part through.
case_parts_of_strangers_are_dropped() {
    local before
    before=$(row_count essential-fragment packets_in)
    expect_equal 0 "$(come_back attacker "$ATTACKER4" "$EDGE4" 5000 2)" "datagrams that come back"
    [ "$(drop_count in fragment-unknown)" -ge 2 ]
    expect_equal "$before" "$(row_count essential-fragment packets_in)" "parts that passed"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
cat >"$LAB/parts.yaml" <<END
policy: parts
edge: { edge: [$EDGE4, $EDGE6] }
peers: { users: [$USER4, $USER6], partners: [$PARTNER4] }
matrix:
  - { id: paging, transport: udp, source: users, destination: edge, port: 5000 }
  - { id: inner, transport: udp, source: partners, destination: edge, port: 5001 }
END
pm apply --force -i eth0 "$LAB/parts.yaml"
MAC=$(in_ns edge ip -j link show dev eth0 | jq -r '.[0].address')
lab_start edge echo /usr/bin/python3 "$here/talkers.py" serve udp:5000 udp:5001
lab_await edge udp 5000 5001
run_cases "$@"
