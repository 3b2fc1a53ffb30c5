# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Conversations (talkers.py) that go on while something happens to the host. Sourced, after lab.sh.

talk_kinds=() talk_ends=() talk_processes=()

# KIND NAME ADDRESS COUNT PROTO:PORT SOURCE [INTERVAL]: begins COUNT conversations of that host.
begin_talk() {
    local kind=$1 end
    rm -f "$LAB/$kind.end" "$LAB/log/talk-$kind"
    mkfifo "$LAB/$kind.end"
    in_ns "$2" /usr/bin/python3 "$ROOT/tests/e2e/talkers.py" talk "${@:3}" \
        <"$LAB/$kind.end" >"$LAB/log/talk-$kind" 2>&1 &
    talk_processes+=($!)
    exec {end}>"$LAB/$kind.end"
    talk_ends+=("$end")
    talk_kinds+=("$kind")
}

# Waits until each conversation has been answered once.
await_talks() {
    local kind
    for kind in "${talk_kinds[@]}"; do
        wait_for 30 grep -q ready "$LAB/log/talk-$kind" ||
            { echo "not all $kind talk"; cat "$LAB/log/talk-$kind"; return 1; }
    done
}

end_talks() {
    local end kind
    for end in "${talk_ends[@]}"; do exec {end}>&-; done
    wait "${talk_processes[@]}"
    for kind in "${talk_kinds[@]}"; do sed "s/^{/$kind {/" "$LAB/log/talk-$kind" | grep '{'; done
    talk_kinds=() talk_ends=() talk_processes=()
}

talk_result() { tail -n 1 "$LAB/log/talk-$1" | jq ".$2"; } # KIND FIELD
