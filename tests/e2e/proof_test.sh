#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nothing is said to be filtered that the kernel does not show at its hook, and a question that is
# not answered is no good answer. Also run under Linux 6.1, which has no TCX; on newer kernels its
# answer is injected.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/faults.sh
. "$here/faults.sh"
# shellcheck source=tests/e2e/ssh.sh
. "$here/ssh.sh"

pins() { [ ! -e "$PORTMATRIX_PIN_DIR" ] || find "$PORTMATRIX_PIN_DIR" | sort; }
has_tcx() { printf '6.6\n%s\n' "$(uname -r)" | sort -CV; }
is_open() { tcp_talks user "$EDGE4" 8080; }
egress_kind() { status | jq -r .egress.kind; }

# COMMAND...: portmatrix with these arguments, as a kernel before 6.6 answers: its second link, which is
# TCX's, is refused. The calls before it are those of the run before, which is taken back.
without_tcx() {
    has_tcx || { pm "$@"; return; }
    pm_traced -s 0 -e trace=bpf "$PORTMATRIX" "$@"
    local call
    call=$(awk '/bpf\(/ { calls++ } /BPF_LINK_CREATE/ && ++links == 2 { print calls; exit }' "$LAB/log/strace")
    pm detach --all >/dev/null 2>&1 || true
    in_ns edge strace -f -o "$LAB/log/strace" -e trace=bpf -e "inject=bpf:error=EINVAL:when=$call" \
        "$PORTMATRIX" "$@"
}

stranger() { # FILE: a program for TC that lets everything pass
    printf '__attribute__((section("tc"), used)) int stranger(void *context) { return 0; }\n' |
        compile_bpf "$1" -g
}

case_an_ingress_qdisc_is_not_taken_for_clsact() {
    in_ns edge tc qdisc add dev eth0 ingress
    expect_status 4 without_tcx apply -i eth0 "$here/edge.yaml"
    expect_output "cannot attach to eth0: a qdisc 'ingress' is in the place of clsact"
    expect_output "tc qdisc del dev eth0 ingress"
    expect_equal "" "$(in_ns edge tc filter show dev eth0 ingress)" "filters on the way in"
    expect_equal "" "$(pins)" pins
    is_open
    in_ns edge tc qdisc del dev eth0 ingress
    expect_status 0 without_tcx apply -i eth0 "$here/edge.yaml"
    expect_equal clsact "$(egress_kind)" egress
    in_ns edge tc filter show dev eth0 egress | grep pm_egress >/dev/null
    refused tcp_talks edge "$MESSENGER4" 8443
    expect_status 0 pm doctor -i eth0
    pm detach --all
    in_ns edge tc qdisc del dev eth0 clsact
}

# On a kernel without TCX it takes the filter away; on others nothing is lost.
case_an_ingress_qdisc_in_the_place_of_clsact_is_told() {
    expect_status 0 without_tcx apply -i eth0 "$here/edge.yaml"
    in_ns edge tc qdisc del dev eth0 clsact
    in_ns edge tc qdisc add dev eth0 ingress
    expect_equal '["egress"]' "$(status | jq -c '[.drift] | map(select(. != null) | "egress")')" drift
    expect_status 1 pm doctor -i eth0
    expect_output "what goes out is not filtered"
    expect_output "tc qdisc del dev eth0 ingress"
    in_ns edge tc qdisc del dev eth0 ingress
    pm detach --all
}

case_a_filter_of_others_under_our_handle_is_not_written_over() {
    stranger "$LAB/tc.o"
    in_ns edge tc qdisc add dev eth0 clsact
    in_ns edge tc filter add dev eth0 egress prio 1 handle 0x706d bpf da obj "$LAB/tc.o" sec tc
    expect_status 4 without_tcx apply -i eth0 "$here/edge.yaml"
    expect_output "a filter of others has priority 1 and handle 0x706d on its way out: program 'stranger'"
    in_ns edge tc filter show dev eth0 egress | grep stranger >/dev/null
    expect_equal "" "$(pins)" pins
    in_ns edge tc qdisc del dev eth0 clsact
}

# The device answers otherwise than the entry remembers.
case_the_mode_is_the_devices_answer() {
    expect_status 0 pm apply -i eth0 --xdp generic "$here/edge.yaml"
    expect_equal generic "$(status | jq -r .ingress.mode)" mode
    local entry
    entry=$(bpftool -j map lookup pinned "$PORTMATRIX_PIN_DIR/interfaces" key 0 0 0 0 | jq -r '.value | join(" ")')
    # shellcheck disable=SC2046 # one word a byte; the fifth says how it came in
    bpftool map update pinned "$PORTMATRIX_PIN_DIR/interfaces" key 0 0 0 0 value hex \
        $(awk '{ $5 = "0x01"; print }' <<<"$entry" | sed 's/0x//g')
    expect_equal generic "$(status | jq -r .ingress.mode)" mode
    pm detach --all
}

doctor_moves_no_counter() {
    local before
    before=$(status | jq -c '[.rows, .drops]')
    expect_status 0 pm doctor -i eth0
    [ "$before" = "$(status | jq -c '[.rows, .drops]')" ]
}

# The judge in this process, and the programs in the kernel.
case_test_packets_are_asked_of_the_policy_in_force() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    wait_for 20 doctor_moves_no_counter # others may send something meanwhile
    expect_output "the programs judge 4 test packets as the policy in force does"
    # Another program in the place of the one that is asked.
    printf '__attribute__((section("xdp"), used)) int liar(void *context) { return 2; }\n' |
        compile_bpf "$LAB/liar.o"
    mv "$PORTMATRIX_PIN_DIR/ask_in" "$PORTMATRIX_PIN_DIR/kept"
    bpftool prog load "$LAB/liar.o" "$PORTMATRIX_PIN_DIR/ask_in" type xdp
    expect_status 1 pm doctor -i eth0
    expect_output "judge"
    (pm doctor --json -i eth0 || true) | jq -es 'any(.check == "probe" and .grade == "wrong")' >/dev/null
    rm "$PORTMATRIX_PIN_DIR/ask_in"
    mv "$PORTMATRIX_PIN_DIR/kept" "$PORTMATRIX_PIN_DIR/ask_in"
    expect_status 0 pm doctor -i eth0
    pm detach --all
}

# What the kernel is asked by netlink, one answer after the other is an error. Whatever the command
# says, it is true, and no session is cut.
case_a_list_of_the_kernel_that_breaks_off_is_no_shorter_list() {
    start_ssh
    expect_status 0 pm apply -i eth0 "$LAB/ssh.yaml"
    ssh_line "$EDGE4"
    STEP=1 CALLS=recvmsg
    prepare() { policy_is ssh || pm apply -i eth0 "$LAB/ssh.yaml" >/dev/null; }
    judge() {
        [ "$STATUS" -ne 0 ] && policy_is ssh && ssh_says still
    }
    with_every_fault error=EIO -- "$PORTMATRIX" apply "$LAB/cut.yaml"
    ssh_ends
    pm detach --all
}

# The same of what says that all is well.
case_what_cannot_be_seen_is_not_called_attached() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    STEP=1 CALLS=recvmsg
    prepare() { :; }
    judge() {
        [ "$STATUS" -ne 0 ] || jq -es 'all(.[]; .drift != null)' "$LAB/log/out" >/dev/null ||
            jq -es 'all(.[]; .ingress != null and .egress != null)' "$LAB/log/out" >/dev/null
    }
    with_every_fault error=EIO -- "$PORTMATRIX" status --json
    pm_traced -e trace=recvmsg -e inject=recvmsg:error=EIO "$PORTMATRIX" status --json
    [ "$STATUS" -ne 0 ] || jq -es 'all(.[]; .drift != null)' "$LAB/log/out" >/dev/null
    pm_traced -e trace=recvmsg -e inject=recvmsg:error=EIO "$PORTMATRIX" doctor -i eth0
    expect_equal 1 "$STATUS" "exit of doctor"
    pm detach --all
}

# What cannot be told of a device is not that there is none; nor may an address of this host be banned
# because the name of its device cannot be told.
case_a_device_that_cannot_be_asked_for_is_not_absent() {
    STEP=1 CALLS=ioctl
    prepare() { pm detach --all >/dev/null; }
    judge() {
        if [ "$STATUS" -eq 0 ]; then
            status | jq -e '.ingress != null and .egress != null' >/dev/null
        else
            refused grep -F "there is no interface" "$LAB/log/out" && [ -z "$(pins)" ]
        fi
    }
    with_every_fault error=ENOMEM -- "$PORTMATRIX" apply -i eth0 "$here/edge.yaml"
    pm apply -i eth0 "$here/edge.yaml"
    prepare() { :; }
    judge() { [ "$STATUS" -ne 0 ] && [ -z "$(pm bans --json)" ]; }
    with_every_fault error=ENOMEM -- "$PORTMATRIX" ban "$EDGE4"
    pm detach --all
}

# A link that is taken for none loses its last pin, and the device its program.
case_links_of_others_that_cannot_be_listed_are_kept() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    rm "$PORTMATRIX_PIN_DIR/abi"
    local left=$PORTMATRIX_PIN_DIR/left
    pm_traced -P "$left" -e trace=getdents64 -e inject=getdents64:error=EIO \
        "$PORTMATRIX" apply -i eth0 "$here/edge.yaml"
    expect_equal 1 "$STATUS" "exit of apply"
    grep -qF "cannot read the folder $left" "$LAB/log/out"
    refused tcp_talks user "$EDGE4" 8080
    pings user "$EDGE4" 1
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    [ ! -e "$left" ]
    refused tcp_talks user "$EDGE4" 8080
    pm detach --all
}

# COMMAND...: with programs of ours on eth0 whose pins are not seen.
without_pins() {
    pm apply -i eth0 "$here/edge.yaml"
    mount -t bpf -o mode=700 bpf "$LAB/bpf"
    "$@"
    umount "$LAB/bpf"
    pm detach --all
}

# A kernel before 6.6 does not know the question, and says so; any other error is no answer.
case_programs_on_the_way_out_that_cannot_be_listed_are_told() {
    local call
    without_pins pm_traced -e trace=bpf "$PORTMATRIX" detach -i eth0 --force
    expect_equal 0 "$STATUS" "exit of detach"
    call=$(awk '/bpf\(/ { calls++ } /BPF_PROG_QUERY.*(TCX_EGRESS|0x2f)/ { print calls; exit }' "$LAB/log/strace")
    [ -n "$call" ]
    without_pins pm_traced -e trace=bpf -e "inject=bpf:error=ENOMEM:when=$call" \
        "$PORTMATRIX" detach -i eth0 --force
    expect_equal 1 "$STATUS" "exit of detach"
    grep -qF "cannot list the programs at the egress hook of eth0" "$LAB/log/out"
}

case_a_list_of_prefixes_is_read_to_its_end_or_not_at_all() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    seq -f '198.18.%g.0/24' 0 255 >"$LAB/prefixes.txt"
    seq -f '# %010g' 20000 >>"$LAB/prefixes.txt"
    echo 198.19.7.7 >>"$LAB/prefixes.txt"
    pm_traced -P "$LAB/prefixes.txt" -e trace=read -e inject=read:error=EIO:when=3 \
        "$PORTMATRIX" ban --file "$LAB/prefixes.txt"
    expect_equal 1 "$STATUS" "exit of ban"
    OUTPUT=$(cat "$LAB/log/out")
    expect_output "cannot read '$LAB/prefixes.txt': "
    expect_equal "" "$(pm bans --json)" bans
    expect_status 0 pm ban --file "$LAB/prefixes.txt"
    expect_equal 257 "$(pm bans --json | wc -l)" bans
}

# FILE COMMAND...: it fails if the file breaks off, wherever that is, and names it.
fails_with_a_torn() {
    local file=$1 step
    shift
    for step in 1 2; do
        pm_traced -P "$file" -e trace=read -e "inject=read:error=EIO:when=$step" "$PORTMATRIX" "$@"
        [ "$STATUS" -ne 0 ] || { echo "exit 0 with $file torn at $step: $*"; cat "$LAB/log/out"; return 1; }
        OUTPUT=$(cat "$LAB/log/out")
        expect_output "$file"
    done
}

# The end of what could be read is not the end of the file.
case_a_file_that_breaks_off_is_no_shorter_file() {
    seq -f '198.18.%g.0/24' 0 255 >"$LAB/set.txt"
    sed "s|everyone: any|everyone: { file: $LAB/set.txt }|" "$LAB/cut.yaml" >"$LAB/files.yaml"
    printf 'include: [%s]\npolicy: outer\n' "$LAB/cut.yaml" >"$LAB/outer.yaml"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    expect_status 0 pm ban 198.51.100.9
    local before file
    before=$(state_in_force; cat "$LAB/state/bans")
    for file in set.txt files.yaml; do
        fails_with_a_torn "$LAB/$file" check "$LAB/files.yaml"
        fails_with_a_torn "$LAB/$file" apply "$LAB/files.yaml"
    done
    fails_with_a_torn "$LAB/cut.yaml" apply "$LAB/outer.yaml"
    fails_with_a_torn "$LAB/state/bans" ban 198.51.100.10
    fails_with_a_torn "$LAB/state/bans" unban 198.51.100.9
    fails_with_a_torn "$LAB/state/bans" bans
    fails_with_a_torn "$LAB/state/history.jsonl" history
    cp "$LAB/state/history.jsonl" "$LAB/state/history.jsonl.1"
    fails_with_a_torn "$LAB/state/history.jsonl.1" history
    fails_with_a_torn "$LAB/state/history-other.jsonl" history
    expect_equal "$before" "$(state_in_force; cat "$LAB/state/bans")" "in force"
    # What is detached by command stays so.
    in_ns edge ip link add torn0 type veth peer name torn1
    expect_status 0 pm apply -i torn0
    expect_status 0 pm detach -i torn0
    file=$(find "$LAB/state" "$LAB/run" -name detached)
    fails_with_a_torn "$file" detach -i eth0
    expect_equal torn0 "$(cat "$file")" "detached by command"
    expect_equal 1 "$(status | jq -s 'map(select(.interface == "eth0" and .mode == "enforce")) | length')" eth0
    in_ns edge ip link delete torn0
    expect_status 0 pm unban 198.51.100.9
    pm detach --all
}

# A list without end is refused.
case_a_list_that_cannot_be_read_bans_nobody() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    local before
    before=$(pm bans --json | wc -l)
    expect_status 1 pm ban --file /dev/zero
    expect_output "'/dev/zero' is larger than 64 MB, the limit"
    expect_status 1 pm ban --file "$LAB"
    expect_output "cannot read '$LAB'"
    expect_status 1 pm ban --file - </dev/zero
    expect_equal "$before" "$(pm bans --json | wc -l)" bans
    pm detach --all
}

# A folder of generations that breaks off must not look as if there were fewer.
case_generations_that_cannot_be_listed_are_not_pruned() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    local before
    before=$(find "$LAB/state/generations" "$LAB/state/sets" | sort)
    pm_traced -P "$LAB/state/generations" -e trace=getdents64 -e inject=getdents64:error=EIO \
        "$PORTMATRIX" apply "$here/edge.yaml"
    expect_equal 1 "$STATUS" "exit of apply"
    grep -qF "cannot read the folder $LAB/state/generations" "$LAB/log/out"
    expect_equal "$before" "$(find "$LAB/state/generations" "$LAB/state/sets" | sort)" "what is stored"
    pm_traced -P "$LAB/state/history.jsonl" -e trace=read -e inject=read:error=EIO "$PORTMATRIX" history
    expect_equal 1 "$STATUS" "exit of history"
    pm detach --all
}

# Pins end with the last mount of their bpffs.
# In a PID namespace of its own, as in tests/debian/run, what the host has mounted is unknown.
can_ask_process_1() { [ "$(stat -Lc %i /proc/self/ns/pid)" -eq $((0xeffffffc)) ]; }
one_of_this_mount_namespace_alone_is_refused() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect_status 4 in_ns edge unshare -m sh -c 'mount -t bpf bpf "$0" && exec "$@"' \
        "$other" "$PORTMATRIX" apply -i eth0 "$here/edge.yaml"
    expect_output "is mounted in this mount namespace alone"
    # shellcheck disable=SC2016
    expect_status 1 in_ns edge unshare -m sh -c 'mount -t bpf bpf "$0" && exec "$@"' \
        "$other" "$PORTMATRIX" doctor
    expect_output "is mounted in this mount namespace alone"
}

case_a_bpffs_that_would_end_with_the_command_is_refused() {
    local other=$LAB/other
    mkdir -p "$other"
    export PORTMATRIX_PIN_DIR=$other/portmatrix
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect_status 4 in_ns edge unshare -m "$PORTMATRIX" apply -i eth0 "$here/edge.yaml"
    expect_output "no bpffs is mounted on $other/portmatrix"
    # A container: its process 1 says nothing of the host.
    expect_status 4 in_ns edge unshare -m -p -f --mount-proc "$PORTMATRIX" apply -i eth0 "$here/edge.yaml"
    expect_output "mount the host's /sys/fs/bpf"
    if can_ask_process_1; then one_of_this_mount_namespace_alone_is_refused; fi
    is_open
    # One that the host has too lasts, wherever it is used from.
    mount -t bpf -o mode=700 bpf "$other"
    expect_status 0 in_ns edge unshare -m "$PORTMATRIX" apply -i eth0 "$here/edge.yaml"
    refused is_open
    expect_status 0 in_ns edge unshare -m -p -f --mount-proc "$PORTMATRIX" apply -i eth0 "$here/edge.yaml"
    pm detach --all
    umount "$other"
    lab_use
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_echo edge 8080
lab_echo messenger 8443
lab_await edge tcp 8080
lab_await messenger tcp 8443
cat >"$LAB/cut.yaml" <<END
policy: cut
edge: { host: interface }
peers: { everyone: any }
matrix:
  - { id: web-in, transport: tcp, source: everyone, destination: host, port: 443 }
END
sed 's/^policy: cut/policy: ssh/; $ s/443/2222/; $ s/web-in/ssh-in/' "$LAB/cut.yaml" >"$LAB/ssh.yaml"
run_cases "$@"
