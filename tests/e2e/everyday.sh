# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What docs/everyday.md does not show of its lab. Sourced by pages.py, after lab.sh.

# The policy of the README is in force, and somebody talks.
begin_page() {
    sed 's/203.0.113.138, //; s/^edge:/interfaces: { eth0: [access] }\n&/; s/host: access$/&/' \
        "$ROOT/tests/e2e/edge.yaml" >"$LAB/etc/policy.yaml"
    sed -i 's/\[access\]/[access, host]/' "$LAB/etc/policy.yaml"
    pm apply "$LAB/etc/policy.yaml"
    in_ns user timeout 110 ping -q -i 0.2 "$EDGE4" >/dev/null &
    wait_for 20 pings_are_seen
}
pings_are_seen() { pm flows --json | jq -es 'any(.row == "ping-in")' >/dev/null; }

edit() { sed -i "$1" "$LAB/etc/policy.yaml"; } # SED-EXPRESSION

# A resolver at hand: no packet leaves for it.
lookup_at_hand() {
    printf '#!/bin/sh\necho "198.51.100.7    STREAM sbc.carrier.example"\n' >"$LAB/bin/getent"
    chmod +x "$LAB/bin/getent"
}
