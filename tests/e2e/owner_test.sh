#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whose a ban is, how long it holds, and what is kept of it when the list is lost.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

unban_all() { pm bans --json | jq -r .prefix | expect_status 0 pm unban --file -; }
owners_of() { pm bans --json | jq -r "select(.prefix == \"$1\") | .owner" | paste -sd ' '; } # PREFIX
owner_is() { [ "$(owners_of "$ATTACKER4")" = "$1" ]; }
nobody_is_banned() { [ -z "$(pm bans --json)" ]; }
is_banned() { refused pings attacker "$EDGE4" 1; }

# fail2ban's bantime -1 once banned nobody, as its action adds the unit.
case_fail2ban_bantime_minus_one_is_for_ever() {
    local duration
    for duration in -1s -1; do
        expect_status 0 pm ban --force --for "$duration" --owner fail2ban-sshd "$ATTACKER4"
        expect_output "$ATTACKER4 banned until it is lifted by fail2ban-sshd"
        pm bans --json | jq -e '.expires_at == null and .owner == "fail2ban-sshd"' >/dev/null
        is_banned
        expect_status 0 pm unban --owner fail2ban-sshd "$ATTACKER4"
        pings attacker "$EDGE4" 1
    done
    for duration in -2s -1m -10 -1ss 0s; do
        expect_status 2 pm ban "$ATTACKER4" --for "$duration"
        expect_output "'$duration' is"
    done
    expect_equal "" "$(pm bans --json)" bans
}

# fail2ban's 10y, 100y and growing ban times were refused, and nobody was banned.
case_a_very_long_ban_is_taken() {
    local duration
    for duration in 315576000s 3155760000s 36600d; do
        expect_status 0 pm ban "$ATTACKER4" --for "$duration"
        expect_output "$ATTACKER4 banned for $duration"
        is_dropped
        pm bans --json | jq -e '.seconds_left > 315000000' >/dev/null
        unban_all
    done
    for duration in 36601d 3162240001s 99999999999999999999999999999s; do
        expect_status 0 pm ban "$ATTACKER4" --for "$duration"
        expect_output "'$duration' is more than a hundred years: taken as a ban for ever"
        expect_output "$ATTACKER4 banned until it is lifted"
        is_dropped
        pm bans --json | jq -e '.expires_at == null' >/dev/null
        unban_all
    done
    pings attacker "$EDGE4" 1
    # Nothing else may last so long.
    expect_status 2 pm apply --confirm-within 315576000s "$(variant late)"
    expect_output "'315576000s' is not between a second and ten years"
}

case_a_ban_of_one_owner_is_not_lifted_by_another() {
    expect_status 0 pm ban "$ATTACKER4"
    expect_status 0 pm ban "$ATTACKER4" --for 1h --owner fail2ban-sshd
    expect_status 0 pm ban "$ATTACKER4" --for 2h --owner fail2ban-sip
    expect_output "3 bans in all"
    expect_equal "admin fail2ban-sip fail2ban-sshd" "$(owners_of "$ATTACKER4")" owners
    OUTPUT=$(pm bans)
    expect_output "OWNER"
    expect_output "fail2ban-sip"
    expect_status 0 pm unban "$ATTACKER4" --owner fail2ban-sshd
    expect_output "warning: $ATTACKER4 stays banned until it is lifted by admin, banned until 20"
    expect_output "$ATTACKER4 lifted (banned by fail2ban-sshd); 2 bans in all"
    is_banned
    expect_status 0 pm unban "$ATTACKER4" --owner admin
    expect_output "stays banned until 20"
    expect_output "by fail2ban-sip"
    is_banned
    # Without an owner those of all; it is said whose they were.
    expect_status 0 pm ban "$ATTACKER4"
    expect_status 0 pm unban "$ATTACKER4"
    expect_output "$ATTACKER4 lifted (banned by admin, fail2ban-sip); 0 bans in all"
    pings attacker "$EDGE4" 1
    pm history --json --limit 1 | jq -r .message | grep -F "banned by admin, fail2ban-sip"
}

# The administrator's longer ban holds though fail2ban's ends before, and the other way; whoever came first.
case_of_two_owners_the_later_end_holds() {
    local pair short long
    for pair in "fail2ban admin" "admin fail2ban"; do
        read -r short long <<<"$pair"
        expect_status 0 pm ban "$ATTACKER4" --for 1h --owner "$long"
        expect_status 0 pm ban "$ATTACKER4" --for 1s --owner "$short"
        wait_for 20 owner_is "$long"
        is_banned
        unban_all
        expect_status 0 pm ban "$ATTACKER4" --for 1s --owner "$short"
        expect_status 0 pm ban "$ATTACKER4" --for 1h --owner "$long"
        wait_for 20 owner_is "$long"
        is_banned
        unban_all
    done
}

case_a_name_that_is_no_owner_is_refused() {
    local name
    for name in "two words" $'a\e[31mb' -x $'\xff' "$(printf 'a%.0s' {1..65})"; do
        expect_status 2 pm ban "$ATTACKER4" --owner="$name"
        expect_output "is no name of an owner"
        expect_status 2 pm unban "$ATTACKER4" --owner="$name"
    done
    expect_status 2 pm ban "$ATTACKER4" --owner unknown
    expect_output "stands for bans whose owner is not known"
    expect_equal "" "$(pm bans --json)" bans
}

# The last ban used to win: fail2ban's ten minutes ended an administrator's ban for ever.
case_a_shorter_ban_does_not_end_a_longer_one() {
    expect_status 0 pm ban "$ATTACKER4"
    expect_status 0 pm ban "$ATTACKER4" 198.51.100.9 --for 10m
    expect_output "$ATTACKER4 is banned until it is lifted by admin already, and stays so"
    expect_output "to shorten it, 'portmatrix unban $ATTACKER4 --owner admin' first"
    expect_output "1 of 2 prefixes banned for 10m"
    pm bans --json | jq -se 'map(select(.prefix | startswith("192."))) | .[0].expires_at == null' >/dev/null
    expect_status 0 pm ban 198.51.100.9 --for 1m
    expect_output "198.51.100.9 banned as before"
    # A longer one lengthens it.
    expect_status 0 pm ban 198.51.100.9 --for 1h
    pm bans --json | jq -se 'any(.seconds_left != null and .seconds_left > 3500)' >/dev/null
    unban_all
    expect_status 0 pm ban "$ATTACKER4" --for 10m
    pm bans --json | jq -e '.seconds_left <= 601' >/dev/null
    unban_all
}

case_lifting_what_is_not_banned_is_no_fault() {
    expect_status 0 pm unban 198.51.100.9
    expect_output "198.51.100.9 was not banned"
    expect_output "nothing is lifted; 0 bans in all"
    expect_status 0 pm ban "$ATTACKER4" --for 1s
    wait_for 20 nobody_is_banned
    expect_status 0 pm unban "$ATTACKER4"
    expect_output "$ATTACKER4 was not banned"
    # Others on the same line are lifted, and what covers the prefix is named.
    expect_status 0 pm ban 192.0.2.64/26 198.51.100.9
    expect_status 0 pm unban 198.51.100.9 "$ATTACKER4"
    expect_output "$ATTACKER4 was not banned"
    expect_output "$ATTACKER4 stays banned until it is lifted by admin (192.0.2.64/26)"
    expect_output "1 of 2 prefixes lifted"
    is_banned
    unban_all
}

# As versions before owners wrote it.
case_a_list_without_owners_is_of_the_administrator() {
    printf '# portmatrix bans: PREFIX CREATED EXPIRES, in seconds since 1970\n%s 1700000000 never\n' \
        "$ATTACKER4" >"$LAB/state/bans"
    expect_status 0 pm apply
    is_banned
    expect_equal admin "$(owners_of "$ATTACKER4")" owner
    expect_status 0 pm unban "$ATTACKER4" --owner admin
    pings attacker "$EDGE4" 1
}

# The state folder is lost while the programs go on.
case_a_lost_list_lifts_no_ban() {
    expect_status 0 pm ban "$ATTACKER4"
    expect_status 0 pm ban 198.51.100.0/24 --for 1h
    rm "$LAB/state/bans"
    expect_status 0 pm bans
    expect_output "$ATTACKER4"
    expect_output "not in the list"
    expect_output "warning: 2 bans of addresses in force are not in the list"
    pm bans --json | jq -se 'length == 2 and all(.owner == "unknown" and .listed == false)' >/dev/null
    # The next ban keeps them, and writes them into the list.
    expect_status 0 pm ban "$MESSENGER4" --owner someone
    expect_output "they are kept as of the owner 'unknown'"
    is_banned
    expect_equal unknown "$(owners_of "$ATTACKER4")" owner
    pm bans --json | jq -se 'length == 3 and all(.listed)' >/dev/null
    pm bans --json | jq -se 'any(.prefix == "198.51.100.0/24" and .seconds_left > 3500 and .seconds_left <= 3601)' >/dev/null
    expect_status 0 pm apply "$(variant after)"
    refused expect_output "not in the list"
    # Part of what is of nobody can be lifted, by its address.
    expect_status 0 pm unban 198.51.100.9
    expect_output "198.51.100.9 lifted (banned by unknown)"
    expect_equal 10 "$(pm bans --json | wc -l)" bans
    expect_equal reason-less "$(pm explain --from 198.51.100.9:40000 --to "$EDGE4:443" --proto tcp --json |
        jq -r '.reason // "reason-less"')" "verdict of the lifted"
    expect_equal banned "$(pm explain --from 198.51.100.8:40000 --to "$EDGE4:443" --proto tcp --json |
        jq -r .reason)" "verdict of its neighbour"
    expect_status 0 pm unban 198.51.100.0/24 "$ATTACKER4" "$MESSENGER4"
    expect_equal "" "$(pm bans --json)" bans
    pings attacker "$EDGE4" 1
}

# A reboot before the next change lifts what is in no list, and only `bans` told of it.
case_a_lost_list_is_told_everywhere() {
    expect_status 0 pm status
    refused expect_output "warning: "
    expect_status 0 pm doctor
    expect_output "all bans in force are in the list"
    expect_status 0 pm ban "$ATTACKER4" 198.51.100.9
    rm "$LAB/state/bans"
    expect_status 0 pm status
    expect_output "warning: 2 bans of addresses in force are not in the list"
    expect_output "a reboot would lift them: 'portmatrix bans' shows what is banned; the next ban, unban, apply or restore"
    status | jq -e '.mode == "enforce"' >/dev/null
    expect_status 0 pm doctor
    grep -E "^warning +bans +2 bans of addresses in force are not in the list" <<<"$OUTPUT"
    expect_output "a reboot would lift them"
    expect_status 0 pm apply "$(variant told)"
    expect_status 0 pm doctor
    expect_output "all bans in force are in the list"
    # What cannot be read at all, a boot leaves out.
    mv "$LAB/state/bans" "$LAB/bans"
    install -m 600 /dev/null "$LAB/state/bans"
    echo damaged >"$LAB/state/bans"
    expect_status 0 pm status
    expect_output "warning: the bans cannot be read: $LAB/state/bans: line 1"
    expect_status 1 pm doctor
    grep -E "^wrong +bans +the bans cannot be read" <<<"$OUTPUT"
    mv "$LAB/bans" "$LAB/state/bans"
    unban_all
}

# Not only the list is gone, but all that was ever confirmed. What the programs do goes on.
case_a_lost_state_folder_lifts_no_ban() {
    expect_status 0 pm ban "$ATTACKER4"
    mv "$LAB/state" "$LAB/away"
    expect_status 0 pm bans
    expect_output "$ATTACKER4"
    expect_status 0 pm ban 198.51.100.9
    expect_output "warning: a ban of addresses in force is not in the list"
    is_banned
    expect_equal unknown "$(owners_of "$ATTACKER4")" owner
    expect_equal admin "$(owners_of 198.51.100.9)" owner
    # Nor does an unban of another.
    rm -r "$LAB/state"
    expect_status 0 pm unban 198.51.100.9
    is_banned
    expect_equal 1 "$(pm bans --json | wc -l)" bans
    rm -r "$LAB/state"
    expect_status 0 pm apply "$(variant folder)"
    is_banned
    unban_all
    pings attacker "$EDGE4" 1
}

case_an_apply_after_the_list_was_lost_lifts_no_ban() {
    expect_status 0 pm ban "$ATTACKER4"
    rm "$LAB/state/bans"
    expect_status 0 pm apply "$(variant lost)"
    expect_output "warning: a ban of addresses in force is not in the list"
    is_banned
    # They are in the list now: a reboot keeps them.
    pm detach --all
    expect_status 0 pm restore
    is_banned
    unban_all
}

# An older copy of the list, as a backup has it.
case_an_older_list_lifts_no_ban() {
    expect_status 0 pm ban 198.51.100.9
    cp "$LAB/state/bans" "$LAB/bans"
    expect_status 0 pm ban "$ATTACKER4"
    cp "$LAB/bans" "$LAB/state/bans"
    expect_status 0 pm unban 198.51.100.9
    is_banned
    expect_equal unknown "$(owners_of "$ATTACKER4")" owner
    unban_all
}

# An older copy that names the address with an earlier end shortened its ban, and the clock was blamed.
case_an_older_list_shortens_no_ban() {
    expect_status 0 pm ban "$ATTACKER4" --for 2s
    expect_status 0 pm ban 198.51.100.9 --for 1h --owner someone
    cp "$LAB/state/bans" "$LAB/bans"
    expect_status 0 pm ban "$ATTACKER4" --for 3h
    expect_status 0 pm ban 198.51.100.9 --owner someone
    cp "$LAB/bans" "$LAB/state/bans"
    expect_status 0 pm bans
    expect_output "warning: 2 bans of addresses in force are not in the list, or not until their end"
    refused expect_output "as the clock was set"
    # By the older copy it has ended.
    wait_for 20 nothing_of_the_administrator_is_listed
    expect_status 0 pm ban "$MESSENGER4"
    expect_output "warning: 2 bans of addresses in force"
    is_banned
    pm bans --json | jq -se --arg attacker "$ATTACKER4" 'any(.prefix == $attacker and .owner == "unknown" and .listed and
        .seconds_left > 10700 and .seconds_left <= 10801)' >/dev/null
    pm bans --json | jq -se 'any(.prefix == "198.51.100.9" and .owner == "unknown" and .expires_at == null) and
        any(.prefix == "198.51.100.9" and .owner == "someone" and .seconds_left < 3601)' >/dev/null
    # It is said once.
    expect_status 0 pm apply "$(variant once)"
    refused expect_output "bans of addresses"
    expect_status 0 pm bans
    refused expect_output "warning"
    unban_all
}
nothing_of_the_administrator_is_listed() { pm bans --json | jq -se 'all(.listed and .owner == "admin" | not)' >/dev/null; }

# To the second that `bans` names, and not up to one later.
case_a_ban_ends_when_bans_says() {
    local end over
    expect_status 0 pm ban "$ATTACKER4" --for 2s
    end=$(date -d "$(pm bans --json | jq -r .expires_at)" +%s%N)
    while is_dropped; do over=$(date +%s%N); done
    echo "# it ended $(((over - end) / 1000000)) ms after what bans says, by the last look that found it"
    [ "$over" -lt $((end + 200000000 * SLOW)) ]
    [ "$(date +%s%N)" -gt $((end - 100000000)) ]
}
is_dropped() {
    [ "$(pm explain --from "$ATTACKER4:4000" --to "$EDGE4:443" --proto tcp --json | jq -r .reason)" = banned ]
}

lab_make
trap 'lab_remove "$LAB"' EXIT
expect_status 0 pm apply -i eth0 "$(variant base)"
run_cases "$@"
