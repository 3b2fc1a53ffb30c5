#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Names and files that are not what they should be: escape sequences, broken UTF-8, links, pipes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/exporter.sh
. "$here/exporter.sh"
# shellcheck source=tests/e2e/parachute.sh
. "$here/parachute.sh"

ESCAPE=$'a\e[31mb' C1=$'c\xc2\x9b31md' BIDI=$'e\xe2\x80\xaef' DELETE=$'g\x7f\ah' BROKEN=$'i\xff\xfej'

clean() { /usr/bin/python3 "$here/clean.py" "$@"; }

add_odd() { # NAME...: interfaces of these names
    local name
    for name in "$@"; do
        in_ns edge ip link add "$name" type veth
        in_ns edge ip link set "$name" up
    done
}

remove_odd() { # NAME...
    local name
    for name in "$@"; do in_ns edge ip link delete "$name"; done
}

# Each command, as text and as JSON, on both outputs.
commands_are_clean() {
    local words
    while read -r words; do
        # shellcheck disable=SC2086 # the words of a command
        pm $words >"$LAB/out" 2>"$LAB/err" </dev/null || true
        clean <"$LAB/out" || { echo "stdout of $words"; return 1; }
        clean <"$LAB/err" || { echo "stderr of $words"; return 1; }
    done <<END
status
status --json
doctor
doctor --json
history
history --json
flows
flows --json
top --once
show
show --at 1s
show --as-written
audit
audit --json
audit --markdown
diff $here/edge.yaml
diff $LAB/other.yaml --json
explain --from 192.0.2.1:4000 --to $EDGE4:443 --proto tcp
explain --from 192.0.2.1:4000 --to $EDGE4:443 --proto tcp --json
bans
apply --mode audit
apply --mode enforce
apply $LAB/nothing.yaml
ban $EDGE4
restore
rollback
END
}

case_no_escape_sequence_of_an_interface_name_is_printed() {
    variant other >/dev/null
    add_odd "$ESCAPE" "$C1" "$BIDI" "$DELETE"
    expect_status 0 pm apply -i eth0 -i "$ESCAPE" -i "$C1" -i "$BIDI" -i "$DELETE" "$here/edge.yaml"
    clean some <<<"$OUTPUT"
    commands_are_clean
    # In JSON the name is whole.
    pm status --json | jq -es --arg name "$ESCAPE" 'any(.interface == $name)' >/dev/null
    pm status --json | jq -es --arg name "$C1" 'any(.interface == $name)' >/dev/null
    expect_status 2 pm detach -i $'n\e[1mo'
    clean some <<<"$OUTPUT"
    clean some < <(cat "$LAB"/state/history*.jsonl)
}

case_nor_by_the_exporter() {
    lab_start edge export "$PORTMATRIX" export --listen 9927 --json-flows "$LAB/flows.json" \
        --active-timeout 1s --interval 1s
    wait_for 20 read_metrics
    clean some <"$LAB/metrics"
    # One series for each name.
    expect_equal 5 "$(grep -c '^portmatrix_flows{' "$LAB/metrics")" "series of flows"
    grep -qF 'interface="a\\x1b[31mb"' "$LAB/metrics"
    pings user "$EDGE4" 1
    wait_for 20 test -s "$LAB/flows.json"
    stop_exporter
    clean some <"$LAB/flows.json"
    clean <"$LAB/log/export"
    pm export --textfile "$LAB/odd.prom" >"$LAB/log/textfile" 2>&1 &
    local process=$!
    wait_for 20 test -s "$LAB/odd.prom"
    kill "$process"
    wait "$process" || true
    clean some <"$LAB/odd.prom"
}

# INTERFACE: a frame that is dropped on the way out by it, whatever the policy says.
drop_one() {
    in_ns edge /usr/bin/python3 -c '
import socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind((sys.argv[1], 0))
raw.send(b"\2\0\0\0\0\1" + b"\2\0\0\0\0\2" + b"\x12\x34" + bytes(46))' "$1"
}

# It shows the interface of each drop.
case_nor_by_the_monitor() {
    local form monitor
    for form in "" --json "--pcap=$LAB/odd.pcap"; do
        # shellcheck disable=SC2086 # no word, or one
        lab_start edge monitor "$PORTMATRIX" monitor --reason unsupported-ethertype --limit 2 $form
        monitor=$!
        wait_for 20 shows_drops_of "$ESCAPE" "$C1" "$monitor"
        clean <"$LAB/log/monitor"
        case $form in
            --pcap=*) tshark -r "$LAB/odd.pcap" -T fields -e frame.interface_name 2>/dev/null | clean some ;;
            *) grep -qF '[31m' "$LAB/log/monitor" ;;
        esac
    done
}
shows_drops_of() { # INTERFACE INTERFACE PROCESS: until it has ended by its limit
    kill -0 "$3" 2>/dev/null || return 0
    drop_one "$1"
    drop_one "$2"
    return 1
}

case_nor_of_a_device_that_was_renamed_or_is_gone() {
    start_watch
    in_ns edge ip link set dev "$ESCAPE" down
    in_ns edge ip link set dev "$ESCAPE" name $'x\e[32my'
    wait_for 20 drift_is_name
    commands_are_clean
    remove_odd $'x\e[32my' "$C1"
    wait_for 20 one_is_absent
    commands_are_clean
    # A name that is not UTF-8, which nobody may filter by it, comes by a rename all the same.
    in_ns edge ip link set dev "$BIDI" down
    in_ns edge ip link set dev "$BIDI" name "$BROKEN"
    wait_for 20 drift_is_name
    commands_are_clean
    in_ns edge ip link set dev "$BROKEN" name "$BIDI"
    wait_for 20 refused drift_is_name
    stop_watch TERM
    clean some <"$LAB/log/watch"
    remove_odd "$BIDI" "$DELETE"
    pm detach --all
}
drift_is_name() { status | jq -es 'any(.drift == "name")'; }
one_is_absent() { status | jq -es 'any(.absent == true)'; }

# It ended in an exception of the JSON library.
case_an_interface_name_that_is_not_utf8_is_refused() {
    add_odd "$BROKEN"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    expect_status 4 pm apply -i "$BROKEN"
    expect_output "the name of the interface 'i??j' is not UTF-8"
    expect_output "ip link set dev NAME name"
    clean some <<<"$OUTPUT"
    refused expect_output "json.exception"
    expect_equal eth0 "$(status | jq -r .interface)" "what is filtered"
    commands_are_clean
    expect_status 0 pm doctor -i "$BROKEN"
    clean some <<<"$OUTPUT"
}

# nftables takes UTF-8 only: one device with another name kept the parachute from loading.
case_such_a_name_does_not_keep_the_parachute_from_loading() {
    add_odd "$ESCAPE"
    expect_status 0 pm apply --mode enforce "$here/edge.yaml"
    wait_for 20 is_rendered
    boot_without_bpf
    clean some <<<"$OUTPUT"
    policy_holds
    commands_are_clean
    expect_status 0 pm apply --mode enforce "$here/edge.yaml"
    is_gone
    # A device that is filtered by programs, beside one that is not.
    expect_status 0 pm apply -i "$ESCAPE"
    wait_for 20 is_rendered
    boot_without_bpf
    policy_holds
    expect_status 0 pm restore
    remove_odd "$ESCAPE" "$BROKEN"
    pm detach --all
}

case_nor_is_a_file_name_or_a_word_of_the_command_line() {
    local name=$'p\e[31m\xffq.yaml'
    cp "$here/edge.yaml" "$LAB/$name"
    printf 'policy: x\nmatrix: [ { id: "\e[31m", nothing: 1 } ]\n\xff\n' >"$LAB/bad-$name"
    local -a words
    for words in "check:$LAB/$name" "check:$LAB/bad-$name" "apply:$LAB/bad-$name" "check:$LAB/no-$name" \
        $'\e[31mno:' $'explain:--from=\e[31m' $'status:-i\e[31m' $'ban:\e[31m' $'ban:--file=\e[31m' \
        $'show:--generation=\e[31m' $'flows:--row=\e[31m\xff' $'export:--listen=\e[31m' \
        $'monitor:--pcap=/nowhere/\e[31m'; do
        pm "${words%%:*}" "${words#*:}" >"$LAB/out" 2>&1 </dev/null || true
        clean some <"$LAB/out" || { echo "output of $words" | cat -v; return 1; }
    done
    (pm check --json "$LAB/bad-$name" || true) | clean some
}

# A service that reads the policy as root would show the file in the journal.
case_a_link_to_a_file_of_root_is_not_quoted() {
    install -m 600 /dev/stdin "$LAB/secret" <<<'root:hidden-word:19000'
    ln -s "$LAB/secret" "$LAB/set.txt"
    printf 'policy: linked\nedge: { host: interface }\npeers: { a: { file: set.txt } }\n%s\n' \
        'matrix: [ { id: web, transport: tcp, source: a, destination: host, port: 443 } ]' \
        >"$LAB/linked.yaml"
    printf 'policy: linked\ninclude: [set.txt]\n' >"$LAB/including.yaml"
    local policy command
    for policy in linked including; do
        for command in check "check --json" "apply -i eth0" diff; do
            # shellcheck disable=SC2086 # words
            expect_status 3 pm $command "$LAB/$policy.yaml"
            refused grep -F hidden <<<"$OUTPUT"
            expect_output "it is not quoted, as a link leads to it"
        done
    done
    # As the policy itself, and by a hard link.
    ln "$LAB/secret" "$LAB/hard.txt"
    for file in set.txt hard.txt; do
        expect_status 3 pm check "$LAB/$file"
        refused grep -F hidden <<<"$OUTPUT"
    done
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    for file in set.txt hard.txt; do
        for command in ban unban; do
            expect_status 2 pm $command --file "$LAB/$file"
            refused grep -F hidden <<<"$OUTPUT"
            expect_output "$LAB/$file: line 1 is no address or prefix; it is not quoted"
        done
    done
    expect_output "as it has a second name (a hard link) and not everybody may read the file"
    expect_status 3 pm check "$LAB/hard.txt"
    expect_output "the file has a second name (a hard link) and not everybody may read it"
    expect_output "look at line 1 of $LAB/hard.txt"
    refused grep -rF hidden "$LAB/state"
    rm "$LAB/hard.txt"
    # A file by its own name is quoted, and a link is followed.
    expect_status 3 pm check "$LAB/secret"
    expect_output hidden
    expect_status 2 pm ban --file "$LAB/secret"
    expect_output hidden
    echo 192.0.2.1 >"$LAB/secret"
    expect_status 0 pm check "$LAB/linked.yaml"
}

case_what_is_no_file_is_refused() {
    mkfifo "$LAB/pipe"
    local what
    for what in pipe:"a named pipe" bpf:"a directory"; do
        ln -sfn "$LAB/${what%%:*}" "$LAB/set.txt"
        expect_status 3 timeout 10 nsenter --net="/run/netns/$LAB_NET-edge" "$PORTMATRIX" check "$LAB/linked.yaml"
        expect_output "it is ${what#*:}, not a file"
    done
    ln -sfn /dev/zero "$LAB/set.txt"
    expect_status 3 pm check "$LAB/linked.yaml"
    expect_output "it is a device, not a file"
    # In the state folder.
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    rm -f "$LAB/state/bans"
    mkfifo "$LAB/state/bans"
    expect_status 1 timeout 10 nsenter --net="/run/netns/$LAB_NET-edge" "$PORTMATRIX" ban 198.51.100.9
    expect_output "$LAB/state/bans: it is not a regular file"
    rm "$LAB/state/bans"
}

# A feed that broke off while it was fetched.
case_a_set_file_that_has_lost_more_than_half_is_told() {
    rm -f "$LAB/set.txt"
    seq -f '192.0.2.%g' 1 9 >"$LAB/set.txt"
    expect_status 0 pm apply -i eth0 "$LAB/linked.yaml"
    local lines
    for lines in 9 5; do # half is not more than half
        seq -f '192.0.2.%g' 1 "$lines" >"$LAB/set.txt"
        expect_status 0 pm apply "$LAB/linked.yaml"
        refused expect_output "of set a had"
    done
    seq -f '192.0.2.%g' 1 9 >"$LAB/set.txt"
    expect_status 0 pm apply "$LAB/linked.yaml"
    seq -f '192.0.2.%g' 1 3 >"$LAB/set.txt"
    expect_status 0 pm apply
    expect_output "warning: '$LAB/set.txt' of set a had 9 entries, and has 3 now"
    expect_output "'portmatrix rollback' goes back"
    expect_status 0 pm apply
    refused expect_output "of set a had"
}

# What was counted before the exporter's first walk has no record.
pings_until() { pings user "$EDGE4" 1 && "$@"; } # COMMAND...

case_flow_records_follow_no_link() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    echo kept >"$LAB/other"
    ln -s "$LAB/other" "$LAB/flows.link"
    ln "$LAB/other" "$LAB/flows.hard"
    mkfifo "$LAB/flows.pipe"
    local file
    local -A is=([link]="a link" [hard]="a file with another name too" [pipe]="no regular file")
    for file in link hard pipe; do
        expect_status 4 timeout 10 nsenter --net="/run/netns/$LAB_NET-edge" "$PORTMATRIX" export \
            --json-flows "$LAB/flows.$file"
        expect_output "$LAB/flows.$file is ${is[$file]}"
    done
    expect_status 4 pm export --json-flows /dev/null
    expect_output "no regular file"
    expect_equal kept "$(cat "$LAB/other")" "the linked file"
    # Also where the link is put there while it runs.
    rm -f "$LAB/flows.json"
    lab_start edge export "$PORTMATRIX" export --listen 9927 --json-flows "$LAB/flows.json" \
        --active-timeout 1s --interval 1s
    wait_for 20 pings_until test -s "$LAB/flows.json"
    ln -sf "$LAB/other" "$LAB/flows.json"
    wait_for 20 pings_until grep -F "flow records are lost: $LAB/flows.json is a link" "$LAB/log/export"
    stop_exporter
    expect_equal kept "$(cat "$LAB/other")" "the linked file"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
run_cases "$@"
