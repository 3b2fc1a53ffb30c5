#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Looking back: what was in force when, how it was written, what has changed since, who changed it; going
# back to it; and what of it is kept how long, whatever happens to the disk.
# shellcheck disable=SC2317 # prepare and judge are called by with_every_fault
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/faults.sh
. "$here/faults.sh"

put() { expect_status 0 pm apply "$@"; }
# Puts this variant in force; its generation is in $NUMBER, the time of its entry in $TIME.
begin() { # NAME [SED-EXPRESSION]
    put -i eth0 "$(variant "$@")"
    NUMBER=$(generation_in_force)
    TIME=$(pm history --json --limit 1 | jq -r .time)
}
without_root() { in_ns edge setpriv --reuid 65534 --clear-groups --bounding-set -all "$@"; }
kept() { find "$LAB/state/generations" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n; }
kept_whole() { find "$LAB/state/generations" -name image -printf '%P\n' | sort -n | cut -d/ -f1; }

case_a_time_shows_what_was_in_force_then() {
    local first second begun
    begin first
    first=$NUMBER begun=$TIME
    begin second
    second=$NUMBER
    expect_status 0 pm show --at "$begun"
    expect_output "policy: first"
    expect_output "portmatrix: generation $first (first) was in force then, since $begun by "
    expect_status 0 pm show --at "$TIME"
    expect_output "policy: second"
    pm rollback
    expect_status 0 pm show --at "$(pm history --json --limit 1 | jq -r .time)"
    expect_output "generation $first (first) was in force then"
    expect_output "(rollback)"
    pm rollback
    expect_equal "$second" "$(generation_in_force)" generation
    expect_status 1 pm show --at 1971-02-03
    expect_output "no policy is known that was in force at 1971-02-03T00:00:00.000Z"
    expect_status 2 pm show --at 2026-02-30
    expect_output "'2026-02-30' is no time"
    expect_status 2 pm show --at 9999-01-01
    expect_output "is later than now"
}

# The programs go by the fallback from the deadline on, whenever that is noted.
case_an_expiry_counts_from_the_deadline() {
    local before
    begin one
    before=$NUMBER
    put --confirm-within 1s "$(variant trial)"
    wait_for 20 generation_is "$before"
    pm ban "$ATTACKER4" # settles it
    pm unban "$ATTACKER4"
    local expired
    expired=$(pm history --json | jq -rs '[.[] | select(.action == "expire")][-1].time_ns')
    [ $((expired - $(pm history --json | jq -rs '[.[] | select(.action == "apply")][-1].time_ns'))) -lt 1500000000 ]
    expect_status 0 pm show --at "$(pm history --json | jq -rs '[.[] | select(.action == "expire")][-1].time')"
    expect_output "policy: one"
    expect_status 0 pm show --generation $((before + 1)) # an auditor may ask what was open for that second
    expect_output "policy: trial"
}

case_what_was_written_is_kept_as_it_was() {
    local text
    begin written 's/^edge:/# the office asked for it, #77\n&/'
    text=$(cat "$LAB/written.yaml")
    expect_status 0 pm show --as-written
    expect_output "# the office asked for it, #77"
    expect_output "include: [lync-2013-public-im.yaml, host-base.yaml]"
    expect_output "# file $LAB/written.yaml"
    expect_output "# file $ROOT/policy/host-base.yaml"
    pm show --as-written | diff - <(for file in "$LAB/written.yaml" "$ROOT/policy/lync-2013-public-im.yaml" \
        "$ROOT/policy/host-base.yaml"; do echo "# file $file"; cat "$file"; done)
    rm "$LAB/written.yaml"
    put -i eth0 --mode audit # reads no file
    put -i eth0 --mode enforce
    [ "$(pm show --as-written --generation "$NUMBER")" = "$(pm show --as-written)" ]
    [ "$(pm show --as-written --at "$TIME" 2>/dev/null | sed -n "2,$(($(wc -l <<<"$text") + 1))p")" = "$text" ]
    expect_equal "700 600" "$(stat -c %a "$LAB/state" "$LAB/state/generations/$NUMBER/written.json" | paste -sd' ')" modes
    local number includes=$here/edge.yaml
    for number in 1 2 3 4 5 6; do
        { echo "ports: { unused-$number: $number }"; head -c 200000 /dev/zero | tr '\0' '#' | fold -w 1000; } >"$LAB/comments$number.yaml"
        includes+=", comments$number.yaml"
    done
    printf 'policy: large\ninclude: [%s]\n' "$includes" >"$LAB/large.yaml"
    put "$LAB/large.yaml"
    expect_status 1 pm show --as-written
    expect_output "its files had more than 1 MB"
}

case_two_files_are_compared_by_anybody() {
    variant a >/dev/null
    variant b 's/198.51.100.0\/24/198.51.101.0\/24/' >/dev/null
    chmod 755 "$LAB"
    chmod 644 "$LAB/a.yaml" "$LAB/b.yaml"
    # What a file consists of belongs to root: that is taken.
    expect_status 5 without_root "$PORTMATRIX" diff "$LAB/a.yaml" "$LAB/b.yaml"
    expect_output "~ setting policy: a -> b"
    expect_output "~ set public-im-partners: without 198.51.100.0/24 -> with 198.51.101.0/24"
    expect_status 0 without_root "$PORTMATRIX" diff "$LAB/a.yaml" "$LAB/a.yaml"
    expect_equal "" "$OUTPUT" output
    expect_status 1 without_root "$PORTMATRIX" diff --generation 1 "$LAB/a.yaml"
    expect_output "cannot read what is kept in $LAB/state: only root may"
    expect_output "try again with sudo"
    expect_status 3 pm diff "$LAB/a.yaml" "$(variant broken 's/^peers:/peer:/')"
}

case_a_generation_is_compared_with_a_file_and_with_what_is_in_force() {
    begin before
    local number=$NUMBER
    begin after 's/198.51.100.0\/24/198.51.100.0\/25/'
    expect_status 5 pm diff --generation "$number"
    expect_output "~ setting policy: before -> after"
    expect_status 5 pm diff --generation "$number" "$LAB/after.yaml" --json
    expect_equal '["policy","public-im-partners"]' "$(jq -cs 'map(.name) | sort' <<<"$OUTPUT")" names
    expect_status 0 pm diff --generation "$number" "$LAB/before.yaml"
    expect_status 0 pm diff --generation "$NUMBER"
    expect_status 2 pm diff --generation 999
    expect_output "generation 999 is not kept; these are: 1 "
    expect_status 2 pm diff --generation 1 "$LAB/before.yaml" "$LAB/after.yaml"
    expect_status 2 pm diff
    expect_output "name one: portmatrix diff POLICY"
}

case_any_kept_generation_can_be_gone_back_to() {
    local old middle
    begin old 's/admins: .*/admins: [192.0.2.40, 192.0.2.66]/'
    old=$NUMBER
    begin middle
    middle=$NUMBER
    begin latest
    rm "$LAB/state/generations/$old/image" # as of one that is kept as text
    expect_status 0 pm rollback --to "$old"
    expect_output "changes: set 'admins': 1 more, 1 fewer"
    expect_output "generation $((NUMBER + 1)) (old) is in force on eth0, with the policy of generation $old"
    expect_equal "$((NUMBER + 1)) old enforce" "$(state_in_force)" "in force"
    tcp_talks attacker "$EDGE4" 22
    pm history --json --limit 1 | jq -e --argjson number $((NUMBER + 1)) '.action == "rollback" and .generation == $number' >/dev/null
    expect_status 0 pm rollback --to "$old"
    expect_output "nothing changed"
    expect_status 0 pm rollback # the one before, as ever
    expect_equal "$NUMBER latest enforce" "$(state_in_force)" "in force"
    expect_status 2 pm rollback --to 999
    expect_output "generation 999 is not kept"
    expect_output "generation $NUMBER stays in force on eth0"
    expect_status 2 pm rollback --confirm-within 60s
    expect_equal "$NUMBER latest enforce" "$(state_in_force)" "in force"
    [ "$(pm show --as-written --generation $((NUMBER + 1)))" = "$(pm show --as-written --generation "$old")" ]
    expect_status 0 pm rollback --to "$middle" --json
    jq -e --argjson middle "$middle" '.changed and .policy_of == $middle and .policy == "middle"' <<<"$OUTPUT" >/dev/null
}

case_going_back_can_wait_to_be_confirmed() {
    local old
    begin old
    old=$NUMBER
    begin latest
    expect_status 0 pm rollback --to "$old" --confirm-within 100s
    expect_output "it is rolled back in 100s unless"
    expect_equal "$((NUMBER + 1)) old enforce" "$(state_in_force)" "in force"
    expect_status 4 pm rollback --to "$old"
    expect_output "waits to be confirmed"
    expect_status 0 pm rollback
    expect_equal "$NUMBER latest enforce" "$(state_in_force)" "in force"
    expect_status 0 pm rollback --to "$old" --confirm-within 100s
    expect_status 0 pm confirm
    expect_equal "$((NUMBER + 2)) old enforce" "$(state_in_force)" "in force"
    expect_equal "[$((NUMBER + 2)),$NUMBER]" "$(jq -c '[.generation, .previous]' "$LAB/state/confirmed.json")" "on disk"
}

# As apply does: neither roles of another host, nor a policy that fails its own tests.
case_going_back_passes_the_checks_of_apply() {
    local foreign
    begin good
    local good=$NUMBER
    # shellcheck disable=SC2016 # of sed
    variant foreign 's/^  access:.*/  access: [203.0.113.77]/; /^expect:/,$d' >/dev/null
    put --force "$LAB/foreign.yaml"
    foreign=$(generation_in_force)
    expect_status 0 pm rollback
    expect_status 4 pm rollback --to "$foreign"
    expect_output "generation $good stays in force"
    expect_status 0 pm rollback --to "$foreign" --force
    expect_status 0 pm rollback --to "$good"
    sed -i 's/verdict: drop/verdict: pass/' "$LAB/state/generations/$foreign/policy.yaml" \
        "$LAB/state/generations/$good/policy.yaml"
    expect_status 3 pm rollback --to "$good"
    expect_output "policy not applied"
    pm history --json --limit 1 | jq -e '.action == "rollback" and .outcome == "invalid"' >/dev/null
}

case_an_auditor_is_told_what_is_open_to_whom() {
    local first begun
    begin audited
    first=$NUMBER begun=$TIME
    begin narrower 's/198.51.100.0\/24/198.51.100.0\/25/'
    expect_status 0 pm audit --json
    jq -e --argjson now "$NUMBER" '.generation == $now and .policy == "narrower" and .mode == "enforce"
        and .expectations.count > 0 and .expectations.failed == 0
        and .in_force_since.generation == $now' <<<"$OUTPUT" >/dev/null
    row() { jq -c --arg id "$1" '.rows[] | select(.id == $id)' <<<"$OUTPUT"; }
    row access-sip-mtls-in | jq -e --argjson now "$NUMBER" '.direction == "in" and .protocol == "tcp" and .port == "5061"
        and .peer == {"name": "public-im-partners", "form": null, "prefixes": 2, "first": ["198.51.100.0/25", "2001:db8:20::/48"]}
        and .last_change.generation == $now and .last_change.user != ""' >/dev/null
    row ssh-admins | jq -e --argjson now "$NUMBER" '.last_change.generation < $now' >/dev/null
    expect_status 0 pm audit --at "$begun" --json
    expect_output "\"generation\":$first,\"policy\":\"audited\""
    expect_status 0 pm audit --at "$begun"
    expect_output "policy: audited, generation $first"
    expect_output "public-im-partners: 198.51.100.0/24, 2001:db8:20::/48"
    expect_output "expectations hold"
    expect_status 0 pm audit --markdown
    expect_output "| access-sip-mtls-in | matrix | in | tcp | 5061 |"
    begin owned 's/^expect:/matrix:\n  - { id: web-in, transport: tcp, source: any, destination: access, port: 80, owner: "web team", ticket: C-7, expires: 2020-02-29 }\n&/'
    expect_status 0 pm audit --json
    row web-in | jq -e '.owner == "web team" and .ticket == "C-7" and .expires == "2020-02-29" and .expired' >/dev/null
    expect_status 0 pm audit --markdown
    expect_output "| web team | C-7 | 2020-02-29 (past) |"
    expect_status 2 pm audit --json --markdown
    expect_status 1 without_root "$PORTMATRIX" audit
    expect_output "only root may"
}

# Bans come by the thousand.
case_what_comes_often_does_not_push_out_changes_of_the_policy() {
    local entry
    begin kept
    entry=$(tail -n 1 "$LAB/state/history.jsonl")
    head -c 5000000 /dev/zero | tr '\0' '\n' >>"$LAB/state/history-other.jsonl"
    pm ban "$ATTACKER4"
    pm unban "$ATTACKER4"
    [ -e "$LAB/state/history-other.jsonl.1" ]
    [ ! -e "$LAB/state/history.jsonl.1" ]
    expect_equal "$entry" "$(tail -n 1 "$LAB/state/history.jsonl")" "last change"
    pm history --json --limit 2 | jq -es 'map(.action) == ["ban", "unban"]' >/dev/null
}

# What a release before this one has left.
case_the_folder_of_an_earlier_release_is_read() {
    local one file
    begin one
    one=$NUMBER
    begin two
    pm ban "$ATTACKER4"
    pm unban "$ATTACKER4"
    cat "$LAB/state/history-other.jsonl" >>"$LAB/state/history.jsonl"
    rm "$LAB/state/history-other.jsonl"* "$LAB/state/kept.json" "$LAB"/state/generations/*/written.json
    for file in "$LAB"/state/generations/*/about.json; do
        jq 'del(.rows, .set_sha256)' "$file" >"$LAB/about.json" && cp "$LAB/about.json" "$file"
    done
    expect_status 0 pm show --at "$TIME"
    expect_output "policy: two"
    expect_status 0 pm audit --json
    jq -e '.rows | all(.last_change != null)' <<<"$OUTPUT" >/dev/null
    expect_status 1 pm show --as-written
    expect_output "how generation $NUMBER was written is not kept"
    expect_status 0 pm rollback --to "$one"
    put "$(variant three)"
    expect_status 0 pm diff --generation "$one" "$LAB/one.yaml"
}

case_older_generations_are_kept_as_text_and_the_oldest_go() {
    local number first last previous
    echo 192.0.2.77 >"$LAB/list.txt"
    begin listed "s|^  admins: .*|  admins: [192.0.2.40, { file: $LAB/list.txt }]|"
    first=$NUMBER
    previous=$(jq .previous "$LAB/state/confirmed.json")
    for number in $(seq $((first + 1)) $((first + 60))); do
        cp -r "$LAB/state/generations/$first" "$LAB/state/generations/$number"
    done
    jq '.applied_at -= 500 * 86400 * 1000000000' "$LAB/state/generations/$first/about.json" >"$LAB/about.json"
    for number in $(seq $((first + 1)) $((first + 20))); do
        cp "$LAB/about.json" "$LAB/state/generations/$number/about.json"
    done
    begin newest # it has the number first + 61
    last=$NUMBER
    expect_equal $((first + 61)) "$last" number
    # Whole: the newest ten, and what was in force and confirmed before.
    expect_equal "$( { echo "$previous"; echo "$first"; seq $((last - 9)) "$last"; } | grep -vx 0 | paste -sd' ')" "$(kept_whole | paste -sd' ')" "with images"
    # As text: what is younger than 400 days, and of the others those among the last 50.
    refused test -e "$LAB/state/generations/$((last - 50))"
    [ -e "$LAB/state/generations/$((last - 49))" ]
    [ -e "$LAB/state/generations/1" ]
    [ "$(find "$LAB/state/sets" -type f | wc -l)" -ge 1 ]
    expect_status 0 pm show --generation $((last - 30))
    # The next one reads none of their policies, and needs none to be read.
    put "$(variant traced)"
    pm_traced -e trace=openat "$PORTMATRIX" apply "$(variant again)"
    refused grep -E "generations/($((last - 30))|1)/policy.yaml" "$LAB/log/strace"
    expect_status 0 pm rollback --to $((last - 30)) # with the set file as it was
    pm show | grep -F "$LAB/list.txt" >/dev/null
    rm -r "$LAB/state/generations/$((last - 30))"
    put "$(variant unlisted)"
}

case_a_full_disk_changes_nothing() {
    local before
    begin roomy
    before=$(state_in_force)
    mv "$LAB/state" "$LAB/aside"
    mkdir -m 700 "$LAB/state"
    mount -t tmpfs -o size=64m,mode=700 tmpfs "$LAB/state"
    cp -a "$LAB/aside/." "$LAB/state/"
    cat /dev/zero >"$LAB/state/filler" 2>/dev/null || true
    expect_status 1 pm apply "$(variant crowded)"
    expect_output "(ENOSPC)"
    expect_output "nothing changed"
    expect_equal "$before" "$(state_in_force)" "in force"
    expect_status 0 pm show --as-written
    rm "$LAB/state/filler"
    put "$LAB/crowded.yaml"
    # The index alone cannot be written: what is kept is the same.
    rm "$LAB/state/kept.json"
    mkdir "$LAB/state/kept.json.new"
    put "$(variant unindexed)"
    [ ! -e "$LAB/state/kept.json" ]
    rmdir "$LAB/state/kept.json.new"
    put "$LAB/crowded.yaml"
    [ -s "$LAB/state/kept.json" ]
    wait_for 20 umount "$LAB/state" # the parachute may still be made there
    rmdir "$LAB/state"
    mv "$LAB/aside" "$LAB/state"
    put "$LAB/roomy.yaml"
}

# Whatever it was about to remove: each generation that is there is whole, and the next apply works.
case_a_kill_while_old_ones_go_leaves_whole_ones() {
    local CALLS="unlink unlinkat rename" number
    [ "$STEP" -eq 1 ] || STEP=8
    variant old >/dev/null
    variant new >/dev/null
    prepare() {
        expect_status 0 pm apply "$LAB/old.yaml"
        number=$(generation_in_force)
        cp -r "$LAB/state/generations/$number" "$LAB/state/generations/$((number + 11))"
        printf x >"$LAB/state/kept.json"
    }
    judge() {
        case $(policy_in_force) in old | new) ;; *) return 1 ;; esac
        for number in $(kept | grep -v '^new$'); do
            [ -s "$LAB/state/generations/$number/policy.yaml" ] && [ -s "$LAB/state/generations/$number/about.json" ] || return 1
        done
        [ -e "$LAB/state/generations/$(jq .generation "$LAB/state/confirmed.json")/image" ] || return 1
        expect_status 0 pm apply "$LAB/old.yaml"
    }
    with_every_fault signal=KILL -- "$PORTMATRIX" apply "$LAB/new.yaml"
}

lab_make
trap 'umount -q "$LAB/state" || true; lab_remove "$LAB"' EXIT
lab_echo edge 22
lab_await edge tcp 22
run_cases "$@"
