#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bans where nftables filters instead of the programs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/parachute.sh
. "$here/parachute.sh"

case_bans_work_on_it() {
    boot_without_bpf
    tcp_talks user "$EDGE4" 22
    pm_without_bpf ban "$PARTNER4" "$PARTNER6" || true
    in_ns edge nft list set "${TABLE[@]}" banned-v4 | grep "$PARTNER4"
    in_ns edge nft list set "${TABLE[@]}" banned-v6 | grep "$PARTNER6"
    pm_without_bpf unban "$PARTNER4"
    in_ns edge nft list set "${TABLE[@]}" banned-v4 | refused grep "$PARTNER4"
    # It is loaded with the bans that there are, and what is left of their time.
    pm_without_bpf ban "$MESSENGER4" --for 1h
    reboot
    expect_status 1 pm_without_bpf restore
    in_ns edge nft list set "${TABLE[@]}" banned-v4 | grep "$MESSENGER4 timeout"
    in_ns edge nft list set "${TABLE[@]}" banned-v6 | grep "$PARTNER6"
    pm_without_bpf unban "$PARTNER6" "$MESSENGER4"
}

banned_there() { in_ns edge nft list set "${TABLE[@]}" "banned-$1" | grep -F "$2" >/dev/null; } # v4|v6 ADDRESS

# Its bans were filled from the list alone, so that the next ban or unban of anybody lifted the others.
case_a_lost_list_lifts_no_ban_of_it() {
    boot_without_bpf
    expect_status 0 pm_without_bpf ban "$PARTNER4" --for 2h --owner someone
    expect_status 0 pm_without_bpf ban "$PARTNER6" 198.51.100.64/26
    rm "$LAB/state/bans"
    expect_status 0 pm_without_bpf bans
    expect_output "warning: 3 bans of addresses in force are not in the list"
    expect_status 0 pm_without_bpf ban "$MESSENGER4"
    expect_output "they are kept as of the owner 'unknown'"
    all_are_banned_there
    banned_there v4 "$MESSENGER4"
    pm bans --json | jq -se --arg partner "$PARTNER4" 'length == 4 and all(.listed) and any(.prefix == $partner and
        .owner == "unknown" and .seconds_left > 7100 and .seconds_left <= 7201)' >/dev/null
    # An older copy shortens none.
    sed "s/^$PARTNER4 .*/$PARTNER4 1700000000 $(($(date +%s) + 60)) someone/" "$LAB/state/bans" >"$LAB/bans"
    cat "$LAB/bans" >"$LAB/state/bans"
    expect_status 0 pm_without_bpf unban 198.51.100.1
    all_are_banned_there
    # Nor does an unban of another, nor a parachute that is loaded anew.
    rm "$LAB/state/bans"
    expect_status 0 pm_without_bpf unban "$MESSENGER4"
    all_are_banned_there
    refused banned_there v4 "$MESSENGER4"
    rm "$LAB/state/bans" "$LAB/run/parachute"
    expect_status 1 pm_without_bpf restore
    expect_output "is loaded into nftables"
    all_are_banned_there
    # The programs have them as well, once they filter.
    expect_status 0 pm restore
    expect_output "warning: 3 bans of addresses in force are not in the list"
    is_gone
    pm bans --json | jq -se 'length == 3 and all(.listed and .owner == "unknown")' >/dev/null
    expect_status 0 pm unban "$PARTNER4" "$PARTNER6" 198.51.100.64/26
    expect_equal "" "$(pm bans --json)" bans
}
all_are_banned_there() {
    banned_there v4 "$PARTNER4 timeout 2h" || banned_there v4 "$PARTNER4 timeout 1h59m"
    banned_there v4 198.51.100.64/26
    banned_there v6 "$PARTNER6"
}

# Their time was counted from the beginning of a second, and they lasted up to one too long.
case_its_bans_end_when_bans_says() {
    local i
    boot_without_bpf
    for i in 1 2 3 4; do
        placing expect_status 0 pm_without_bpf ban "198.51.100.$i" --for 10m
        ends_when_bans_says "198.51.100.$i"
    done
    for i in 1 2 3 4; do # as it was filled last
        ends_when_bans_says "198.51.100.$i"
    done
    reboot
    placing expect_status 1 pm_without_bpf restore
    for i in 1 2 3 4; do
        ends_when_bans_says "198.51.100.$i"
    done
    expect_status 0 pm_without_bpf unban 198.51.100.{1..4}
}
placing() { # COMMAND...: sets PLACED to the milliseconds that it took
    local begin
    begin=$(date +%s%3N)
    "$@"
    PLACED=$(($(date +%s%3N) - begin))
}
ends_when_bans_says() { # ADDRESS
    local end before left
    end=$(date -d "$(pm bans --json | jq -r --arg address "$1" 'select(.prefix == $address) | .expires_at')" +%s%3N)
    before=$(date +%s%3N)
    left=$(in_ns edge nft list set "${TABLE[@]}" banned-v4 | grep -oP "\b${1//./\\.} timeout \S+ expires \K\w+" |
        sed 's/ms//; s/[dhms]/ & /g' | awk '{ for (i = 2; i <= NF; i += 2) total += $(i - 1) * ($i == "m" ? 60000 : 1000)
            print total + (NF % 2 ? $NF : 0) }')
    echo "# $1 ends $((before + left - end)) ms after what bans says"
    # nftables counts from when it was told, which the command did after it had asked the clock.
    [ $((before + left)) -le $((end + PLACED)) ]
    [ $(($(date +%s%3N) + left)) -gt $((end - 100 * SLOW)) ]
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
pm apply -i eth0 "$here/edge.yaml"
wait_for 20 is_rendered
run_cases "$@"
