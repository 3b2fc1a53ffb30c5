#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The dynamic block list, and the guard that keeps an administrator's own session: with a real sshd
# and real connections.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/ssh.sh
. "$here/ssh.sh"

unban_all() { pm bans --json | jq -r .prefix | expect_status 0 pm unban --file -; }

case_a_ban_before_any_policy_waits_for_one() {
    expect_status 0 pm ban "$PARTNER4"
    expect_output "no policy is in force"
    mutual_tls_talks partner "$EDGE4" 5061
    expect_status 0 pm apply -i eth0 "$(variant base)"
    refused mutual_tls_talks partner "$EDGE4" 5061
    [ "$(drop_count any banned)" -gt 0 ]
    expect_status 0 pm unban "$PARTNER4"
    mutual_tls_talks partner "$EDGE4" 5061
}

case_a_ban_cuts_a_live_flow_at_once_and_lifting_it_mends_it() {
    lab_echo edge 443
    lab_await edge tcp 443
    coproc TALK { exec nsenter --net="/run/netns/$LAB_NET-attacker" socat - "TCP:$EDGE4:443"; }
    # shellcheck disable=SC2153 # set by coproc
    local out=${TALK[0]} in=${TALK[1]} process=$TALK_PID line
    echo before >&"$in"
    read -r -t $((3 * SLOW)) line <&"$out"
    expect_status 0 pm ban "$ATTACKER4" --for 1h
    echo during >&"$in"
    refused read -r -t 1 line <&"$out"
    expect_status 0 pm unban "$ATTACKER4"
    read -r -t $((5 * SLOW)) line <&"$out"
    expect_equal during "$line" echo
    kill "$process"
    wait "$process" || true
}

case_bans_expire_in_the_programs() {
    expect_status 0 pm ban "$USER6" "$ATTACKER4" --for $((3 * SLOW))s
    refused tcp_talks attacker "$EDGE4" 443
    wait_for 20 tcp_talks attacker "$EDGE4" 443
    expect_equal "" "$(pm bans --json)" "bans left"
}

case_prefixes_of_both_families() {
    expect_status 0 pm ban 192.0.2.64/26 2001:db8:66::/48
    refused tcp_talks attacker "$EDGE4" 443
    refused tcp_talks attacker "$EDGE6" 443
    tcp_talks messenger "$EDGE4" 443
    expect_equal '["192.0.2.64/26","2001:db8:66::/48"]' \
        "$(pm bans --json | jq -cs 'map(.prefix)')" bans
    pm bans | grep 2001:db8:66::/48 >/dev/null
}

case_bans_survive_switches_rollbacks_and_reboots() {
    expect_status 0 pm apply "$(variant other)"
    refused tcp_talks attacker "$EDGE4" 443
    expect_status 0 pm apply "$(variant third)" --confirm-within 100s
    # While a policy waits to be confirmed, a ban holds for it and for its fallback.
    expect_status 0 pm ban "$MESSENGER4"
    refused tcp_talks messenger "$EDGE4" 443
    [ "$(pm status --json | jq .pending_confirm.seconds_left)" -gt 80 ]
    expect_status 0 pm rollback
    refused tcp_talks messenger "$EDGE4" 443
    refused tcp_talks attacker "$EDGE4" 443
    pm detach --all
    expect_status 0 pm restore
    refused tcp_talks messenger "$EDGE4" 443
    expect_status 0 pm unban "$MESSENGER4" 192.0.2.64/26 2001:db8:66::/48
    tcp_talks attacker "$EDGE4" 443
}

case_a_failsafe_row_beats_a_ban_and_it_is_said() {
    expect_status 0 pm ban "$USER4"
    expect_output "failsafe row ssh-admins still passes for $USER4"
    tcp_talks user "$EDGE4" 2222 || true
    refused tcp_talks user "$EDGE4" 443
    pings user "$EDGE4" 1 || true
    expect_equal ssh-admins "$(pm explain --from "$USER4:40000" --to "$EDGE4:22" --proto tcp \
        --json | jq -r .row)" row
    expect_status 0 pm unban "$USER4"
}

case_what_must_not_be_banned_is_refused() {
    expect_status 4 pm ban "$EDGE4"
    expect_output "an address of this host"
    expect_status 4 pm ban 203.0.113.0/24
    expect_status 4 pm ban 203.0.113.138
    expect_output "own address of the policy"
    expect_status 4 pm ban 0.0.0.0/0
    expect_output "too wide"
    expect_status 4 pm ban 2001::/16
    expect_status 2 pm ban 198.51.100.7/24
    expect_output "host bits"
    expect_status 2 pm ban nobody
    expect_status 2 pm ban
    expect_status 2 pm ban 198.51.100.9 --for 10
    expect_equal "" "$(pm bans --json)" bans
}

case_a_ban_says_whom_it_is_about_and_what_ends() {
    is_listening edge tcp 443 || lab_echo edge 443
    lab_await edge tcp 443
    expect_status 0 pm apply -i eth0 "$(variant told)"
    tcp_talks attacker "$EDGE4" 443
    expect_status 0 pm ban "$ATTACKER4"
    expect_output "$ATTACKER4 is in no set of the policy; open to any peer: rows "
    grep -E "[1-9][0-9]* live flows? ends?$" <<<"$OUTPUT"
    expect_status 0 pm ban "$PARTNER4"
    expect_output "$PARTNER4 is in the set 'public-im-partners' (rows "
    expect_status 0 pm ban 198.51.0.0/16
    expect_output "198.51.0.0/16 overlaps the set 'public-im-partners' (rows "
    expect_status 0 pm unban --all
    expect_output "3 bans lifted (banned by admin); 0 bans in all"
}

# It is the policy in force that says it, or the one that comes back: its file is not read again.
case_a_set_that_is_never_banned() {
    expect_status 0 pm apply -i eth0 "$(variant never 's/^peers:/never-ban: public-im-partners\n&/')"
    rm "$LAB/never.yaml"
    never_bans_partners
    expect_status 0 pm ban 198.51.101.0/24
    expect_status 0 pm unban 198.51.101.0/24
    expect_status 0 pm apply "$(variant trial)" --confirm-within 100s
    never_bans_partners
    expect_status 0 pm rollback
    expect_status 0 pm ban "$PARTNER4" --force --force
    expect_status 0 pm apply "$(variant never-2 's/^peers:/never-ban: public-im-partners\n&/')"
    expect_output "warning: $PARTNER4 is in the set 'public-im-partners' of never-ban, and it is banned"
    expect_status 0 pm unban --all
    expect_status 0 pm apply "$LAB/trial.yaml"
    expect_status 0 pm ban "$PARTNER4"
    expect_status 0 pm unban "$PARTNER4"
}
never_bans_partners() {
    expect_status 4 pm ban 192.0.2.1 "$PARTNER4"
    expect_output "$PARTNER4 is in the set 'public-im-partners' of never-ban"
    expect_output "--force --force"
    expect_status 4 pm ban "$PARTNER4" --force
    expect_status 4 pm ban 198.51.0.0/16
    expect_output "198.51.0.0/16 holds 198.51.100.0/24, which is in the set"
    expect_equal "" "$(pm bans --json)" bans
}

case_all_bans_are_lifted_or_those_of_an_owner() {
    expect_status 0 pm ban 198.51.101.9
    expect_status 0 pm ban 198.51.101.9 2001:db8:99::/48 --owner robot
    expect_status 2 pm unban --all 198.51.101.9
    expect_status 2 pm unban --all --file /dev/null
    expect_status 0 pm unban --all --owner robot
    expect_output "2 bans lifted (banned by robot); 1 ban in all"
    expect_status 0 pm unban --all
    expect_output "1 ban lifted (banned by admin); 0 bans in all"
    expect_status 0 pm unban --all
    expect_output "nothing was banned, and nothing is lifted; 0 bans in all"
}

case_a_prefix_that_is_named_twice_is_one() {
    expect_status 0 pm ban 198.51.100.9 198.51.100.9/32
    expect_output "198.51.100.9 banned until it is lifted; 1 ban in all"
    expect_status 0 pm unban 198.51.100.9 198.51.100.9
    expect_output "198.51.100.9 lifted (banned by admin); 0 bans in all"
}

case_a_bad_line_is_named_with_its_file() {
    printf '198.51.100.9\nnobody\n' >"$LAB/who"
    expect_status 2 pm ban --file "$LAB/who"
    expect_output "$LAB/who: line 2: 'nobody' is not an IPv4 or IPv6 address"
    expect_status 2 pm ban --file - <"$LAB/who"
    expect_output "standard input: line 2: 'nobody'"
    expect_equal "" "$(pm bans --json)" bans
}

case_a_hundred_thousand_bans() {
    /usr/bin/python3 -c 'for i in range(100000): print(f"11.{i >> 16}.{i >> 8 & 255}.{i & 255}")' |
        expect_status 0 pm ban --file - --for 1h
    expect_status 0 pm ban "$ATTACKER4"
    refused tcp_talks attacker "$EDGE4" 443
    tcp_talks messenger "$EDGE4" 443
    expect_equal 100001 "$(pm bans --json | wc -l)" bans
    expect_equal "banned 11.1.2.3 admin" "$(pm explain --from 11.1.2.3:40000 --to "$EDGE4:443" --proto tcp --json |
        jq -r '"\(.reason) \(.ban.prefix) \(.ban.owner)"')" reason
    expect_status 0 pm explain --from 11.1.2.3 --to "$EDGE4:443" --proto tcp
    expect_output "11.1.2.3 is banned by admin, until 20"
    expect_output "; but for the ban row 'access-sip-tls-in' permits it"
    expect_output "portmatrix unban 11.1.2.3"
    pm bans --json | jq -r .prefix | xargs "$PORTMATRIX" --version >/dev/null
    unban_all
    tcp_talks attacker "$EDGE4" 443
}

# Commands wait for each other: fail2ban does not try a second time.
case_many_bans_at_once_are_all_kept() {
    local number
    local -a bans=()
    for number in $(seq 60); do
        pm ban "198.51.100.$((100 + number))" >"$LAB/log/ban-$number" 2>&1 &
        bans+=("$!")
    done
    for number in "${bans[@]}"; do wait "$number"; done
    expect_equal 60 "$(pm bans --json | wc -l)" bans
    unban_all
}

case_a_torn_list_bars_no_policy_and_keeps_those_in_force() {
    expect_status 0 pm ban "$ATTACKER4"
    echo "192.0.2.1 torn" >>"$LAB/state/bans"
    expect_status 0 pm apply "$(variant torn)"
    expect_output "the bans cannot be read, and those in force stay"
    refused tcp_talks attacker "$EDGE4" 443
    expect_status 1 pm ban 198.51.100.99
    expect_output "line 4"
    # At boot no policy is in force that could stay: restore fails once, and the policy holds all the same.
    expect_status 0 pm detach --all
    expect_status 1 pm restore
    expect_output "is in force on eth0, and without any ban, as they cannot be read: $LAB/state/bans: line 4"
    expect_output "mend or remove the file"
    expect_output "stays in force on eth0"
    refused tcp_talks attacker "$EDGE4" 22
    tcp_talks attacker "$EDGE4" 443
    expect_status 0 pm restore
    sed -i '$d' "$LAB/state/bans"
    expect_status 0 pm apply
    refused tcp_talks attacker "$EDGE4" 443
    # The same holds for a first apply.
    echo "192.0.2.1 torn" >>"$LAB/state/bans"
    expect_status 0 pm detach --all
    expect_status 0 pm apply -i eth0 "$LAB/torn.yaml"
    expect_output "the bans cannot be read, and none is in force"
    rm "$LAB/state/bans"
    expect_status 0 pm apply
}

case_an_ssh_session_is_not_cut() {
    start_ssh
    sed 's/port: 22 *}/port: [22, 2222] }/; s/port: 22$/port: [22, 2222]/' "$ROOT/policy/host-base.yaml" \
        >"$LAB/host-base.yaml"
    expect_status 0 pm apply -i eth0 "$(variant ssh)"
    expect_status 0 pm explain --from "$USER4:40000" --to "$EDGE4:2222" --proto tcp
    ssh_line
    expect_status 4 pm apply "$(variant cut 's/admins: .*/admins: none/')"
    expect_output "cut 1 SSH session of this host, from $USER4 (no-"
    expect_output "--confirm-within"
    expect_output "stays in force"
    expect_equal ssh "$(policy_in_force)" "in force"
    ssh_says still
    # With a deadline the session may be cut: it comes back by itself.
    expect_status 0 pm apply "$LAB/cut.yaml" --confirm-within 1s
    wait_for 20 policy_is ssh
    ssh_says back
    # Audit mode cuts nothing.
    expect_status 0 pm apply "$LAB/cut.yaml" --mode audit
    ssh_says audit
    expect_status 0 pm rollback
    # A ban may not cut the session either. Here a row of the matrix permits it, not a failsafe row.
    sed '/^failsafe:/,/^$/d' "$LAB/host-base.yaml" >"$LAB/x" && mv "$LAB/x" "$LAB/host-base.yaml"
    cat >"$LAB/matrix-ssh.yaml" <<END
policy: matrix-ssh
include: [$LAB/ssh.yaml]
matrix:
  - { id: ssh-in, transport: tcp, source: admins, destination: host, port: [22, 2222] }
END
    expect_status 0 pm apply "$LAB/matrix-ssh.yaml"
    expect_status 4 pm ban "$USER4"
    expect_output "cut 1 SSH session of this host, from $USER4 (banned)"
    expect_equal "" "$(pm bans --json)" bans
    ssh_says unbanned
    expect_status 0 pm ban "$USER4" --force
    expect_status 0 pm unban "$USER4"
    ssh_says lifted
    expect_status 0 pm apply "$LAB/cut.yaml" --force --mode enforce
    ssh_ends
}

# The session's address is on an interface that is not filtered, and its answers leave there.
case_an_ssh_session_beside_the_filter_bars_nothing() {
    lab_wire spare 10.77.0
    expect_status 0 pm apply "$(variant ssh)"
    ssh_line 10.77.0.1
    expect_status 0 pm apply "$(variant cut 's/admins: .*/admins: none/')"
    ssh_says untouched
    ssh_ends
    in_ns edge ip link delete spare
}

# The number of an interface that is no longer filtered may belong to another interface later.
case_a_session_on_a_new_interface_is_not_cut() {
    in_ns edge ip link add first type veth peer name first1
    lab_wire second 10.78.0
    expect_status 0 pm apply -i first "$(variant ssh 's/"2001:db8:10::10"/&, 10.78.0.1/')"
    expect_status 0 pm detach -i first
    ssh_line 10.78.0.1
    expect_status 4 pm apply -i second
    expect_output "cut 1 SSH session of this host, from 10.78.0.2"
    ssh_says untouched
    ssh_ends
    in_ns edge ip link delete first
    in_ns edge ip link delete second
}

# The session's address is on a bridge; the filtered interface is a port of it.
case_a_session_over_a_bridge_is_not_cut() {
    in_ns edge ip link add br1 type bridge
    in_ns edge ip address flush dev eth0
    in_ns edge ip link set eth0 master br1
    in_ns edge ip link set br1 up
    in_ns edge ip address add "$EDGE4/32" dev br1
    in_ns edge ip route add default dev br1
    in_ns user ip neighbour flush all
    expect_status 0 pm apply "$LAB/matrix-ssh.yaml"
    wait_for 20 tcp_talks user "$EDGE4" 443
    ssh_line
    expect_status 4 pm apply "$LAB/cut.yaml"
    expect_output "cut 1 SSH session of this host, from $USER4"
    ssh_says still
    ssh_ends
    in_ns edge ip link delete br1
    in_ns edge ip address add "$EDGE4/32" dev eth0
    in_ns edge ip address add "$EDGE6/128" dev eth0 nodad
    in_ns edge ip route replace default dev eth0
    in_ns edge ip -6 route replace default dev eth0
    in_ns user ip neighbour flush all
}

# A session from the host to itself crosses no interface.
case_a_session_of_the_host_with_itself_bars_nothing() {
    pm detach --all
    coproc SELF { exec nsenter --net="/run/netns/$LAB_NET-edge" ssh -i "$LAB/key" -p 2222 -q \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@"$EDGE4" cat; }
    ssh=$SELF_PID
    exec 7<&"${SELF[0]}" 8>&"${SELF[1]}"
    ssh_says hello
    expect_status 0 pm apply -i eth0 "$LAB/cut.yaml"
    ssh_says still
    ssh_ends
}

# The policy that comes back when the deadline passes drops what is banned, too.
case_a_ban_while_an_audit_ends_by_itself_cuts_no_session() {
    expect_status 0 pm apply "$LAB/matrix-ssh.yaml"
    ssh_line
    expect_status 0 pm apply --mode audit --confirm-within 100s
    expect_status 4 pm ban "$USER4"
    expect_output "cut 1 SSH session of this host, from $USER4 (banned)"
    expect_status 0 pm rollback
    ssh_says still
    ssh_ends
}

case_history_tells_all_of_it() {
    local log
    log=$(pm history --json)
    for action in apply ban unban rollback restore detach expire; do
        grep -q "\"action\":\"$action\"" <<<"$log" || { echo "no $action"; return 1; }
    done
    expect_equal 4 "$(jq -s '[.[] | select(.outcome == "refused" and .action == "ban")] | length | if . >= 4 then 4 else . end' <<<"$log")" "refused bans"
    jq -es 'all(.[]; .user != "" and .command != "" and (.time | test("^20.*Z$")))' <<<"$log" >/dev/null
    jq -es '[.[] | select(.action == "apply" and .outcome == "done" and .generation != null)] |
        all(.[]; .sha256 | test("^[0-9a-f]{64}$"))' <<<"$log" >/dev/null
    expect_equal 2 "$(pm history --json --limit 2 | wc -l)" "newest two"
    pm history | grep refused >/dev/null
    # The text, too, has the command and the policy's hash of each change.
    local sha256
    sha256=$(jq -rs '[.[] | select(.action == "apply" and .outcome == "done")][-1].sha256' <<<"$log")
    pm history | grep -E "  apply +done +[0-9]+ +${sha256:0:12}  .*  $PORTMATRIX apply " >/dev/null
    # A torn line is left out, and the next entry begins on a new line.
    printf '{"time":"20' >>"$LAB/state/history.jsonl"
    pm ban "$ATTACKER4"
    expect_status 0 pm history --limit 1
    expect_output "1 line torn"
    expect_output "$ATTACKER4 banned"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_certificate edge
lab_certificate partner
cat "$LAB"/*.crt >"$LAB/trust.pem"
lab_tls_server edge 5061 4 -CAfile "$LAB/trust.pem" -Verify 2 -verify_return_error
lab_await edge tcp4 5061
run_cases "$@"
