#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# doctor finds what is in the way and names a remedy. It ends with 1 exactly if enforcement is not what
# status promises. Each finding that a test can provoke is provoked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

LINK() { echo "$PORTMATRIX_PIN_DIR/interface-0/$1"; }

# STATUS: doctor ends with it; its findings are in $LAB/found.
examine() {
    local want=$1 status=0
    shift
    pm doctor --json "$@" >"$LAB/found" || status=$?
    expect_equal "$want" "$status" "exit status of doctor" || { cat "$LAB/found"; return 1; }
}
# CHECK GRADE [TEXT [REMEDY]]: there is such a finding, with these texts.
found() {
    jq -es --arg check "$1" --arg grade "$2" --arg text "${3:-}" --arg remedy "${4:-}" \
        'any(.check == $check and .grade == $grade and (.message | contains($text)) and
             ((.remedy // "") | contains($remedy)))' "$LAB/found" >/dev/null ||
        { echo "not found: $*"; cat "$LAB/found"; return 1; }
}

stranger() { # SECTION FILE: a program that lets everything pass
    local verdict=0
    [ "$1" = xdp ] && verdict=2
    printf '__attribute__((section("%s"), used)) int stranger(void *context) { return %s; }\n' "$1" "$verdict" |
        compile_bpf "$2" -g
}

# PIN: attaches this program on the way out of eth0, before all others, until its standard input ends.
before_tcx() {
    in_ns edge python3 - "$1" 3<&0 <<'PYTHON'
import ctypes, os, socket, struct, sys
OBJ_GET, LINK_CREATE, TCX_EGRESS, BEFORE = 7, 28, 47, 1 << 3
bpf = lambda command, attributes: ctypes.CDLL(None, use_errno=True).syscall(
    321 if os.uname().machine == "x86_64" else 280, command, attributes, len(attributes))
path = ctypes.create_string_buffer(sys.argv[1].encode())
program = bpf(OBJ_GET, struct.pack("QII", ctypes.addressof(path), 0, 0))
link = bpf(LINK_CREATE, struct.pack("IIIIIIQ", program, socket.if_nametoindex("eth0"), TCX_EGRESS, BEFORE, 0, 0, 0))
print(link, flush=True)
os.read(3, 1)
PYTHON
}

case_with_nothing_attached_it_says_what_it_can() {
    examine 0
    found attachment note "nothing is attached" "portmatrix apply -i IFACE POLICY"
    found kernel ok || found kernel note
    found hz ok "jiffies a second"
    found privileges ok
    found memory ok "the maps would take" || found memory note "the maps would take"
    found driver note "driver veth"
    found mtu ok "MTU 1500"
    jq -es 'all(.[]; has("interface") and has("check") and has("grade") and has("message") and has("remedy"))' \
        "$LAB/found" >/dev/null
    expect_status 2 pm doctor -i eth7
    expect_output "there is no interface 'eth7'"
}

case_without_root_it_says_what_it_can() {
    expect_status 0 in_ns edge setpriv --reuid 65534 --clear-groups --bounding-set -all "$PORTMATRIX" doctor
    expect_output "not root"
    expect_output "remedy: run it with sudo"
}

case_a_host_in_order_is_in_order() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    lab_start edge watch "$PORTMATRIX" watch
    wait_for 20 grep -q watching: "$LAB/log/watch"
    examine 0
    found ingress ok "XDP, native, driver veth"
    found egress ok
    found mode ok "contoso-edge, generation 1, enforced"
    found watch ok
    found reserved-ports ok
    found firewalls ok
    found forwarding ok
    found flows ok
    expect_equal 0 "$(jq -s 'map(select(.grade == "wrong")) | length' "$LAB/found")" "what is wrong"
    grep -q '^ok  *ingress  *eth0: XDP' <<<"$(pm doctor)"
    kill "$(cat "$LAB/run/watch")"
    wait_for 20 test ! -e "/proc/$(cat "$LAB/run/watch")"
    examine 0
    found watch warning "does not run" "systemctl start"
}

case_hooks_that_others_removed() {
    local hook
    for hook in ingress egress; do
        if [ -e "$(LINK $hook)" ]; then
            bpftool link detach pinned "$(LINK $hook)"
        else
            in_ns edge tc qdisc del dev eth0 clsact
        fi
        examine 1
        found $hook wrong "is gone" "portmatrix apply"
        expect_status 0 pm apply
        examine 0
    done
}

case_a_pin_that_was_deleted() {
    rm "$(LINK ingress)"
    examine 1
    found ingress wrong "is gone"
    expect_status 0 pm apply
    examine 0
    mv "$(LINK rows)" "$(LINK kept)"
    examine 1
    found pins wrong "" "detach --all --force"
    mv "$(LINK kept)" "$(LINK rows)"
    examine 0
}

case_another_program_in_the_place_of_ours() {
    stranger xdp "$LAB/xdp.o"
    bpftool link detach pinned "$(LINK ingress)"
    in_ns edge ip link set dev eth0 xdp obj "$LAB/xdp.o" sec xdp
    examine 1
    found ingress wrong "XDP program 'stranger'" "ip link set dev eth0 xdp off"
    in_ns edge ip link set dev eth0 xdp off
    expect_status 0 pm apply
    examine 0
}

case_a_program_before_ours_on_the_way_out() {
    stranger tc "$LAB/tc.o"
    in_ns edge tc qdisc replace dev eth0 clsact
    if [ -e "$(LINK egress)" ]; then
        bpftool prog load "$LAB/tc.o" "$LAB/bpf/stranger"
        coproc LINK { before_tcx "$LAB/bpf/stranger"; }
        read -r <&"${LINK[0]}"
        examine 1
        found egress-order wrong "'stranger' (id" "bpftool net show"
        local in=${LINK[1]}
        exec {in}>&-
        wait "$LINK_PID" || true
        examine 0
        # Filters of clsact run after TCX programs.
        in_ns edge tc filter add dev eth0 egress bpf da obj "$LAB/tc.o" sec tc
        examine 0
        found egress-order note "'stranger'"
    else
        in_ns edge tc filter add dev eth0 egress prio 1 handle 1 bpf da obj "$LAB/tc.o" sec tc
        examine 1
        found egress-order wrong "comes before ours" "bpftool net show"
    fi
    in_ns edge tc filter del dev eth0 egress prio 49152 2>/dev/null ||
        in_ns edge tc filter del dev eth0 egress prio 1 handle 1 bpf
    in_ns edge tc filter add dev eth0 ingress bpf da obj "$LAB/tc.o" sec tc
    examine 0
    found tc-ingress note "'stranger'"
    in_ns edge tc filter del dev eth0 ingress
    expect_status 0 pm apply
}

case_modes_and_files_that_are_not_what_one_thinks() {
    mkdir -p "$LAB/etc"
    cp "$here/edge.yaml" "$LAB/etc/policy.yaml"
    echo 'reference: edited' >>"$LAB/etc/policy.yaml"
    expect_status 0 pm apply --mode audit --confirm-within 300s
    examine 0
    found mode warning "nothing is dropped" "--mode enforce"
    found confirm warning "not confirmed" "portmatrix confirm"
    found policy-file warning "differs"
    rm "$LAB/etc/policy.yaml"
    expect_status 0 pm rollback
    examine 0
    found mode ok
}

case_ports_that_any_process_may_be_given() {
    local before
    before=$(in_ns edge sysctl -n net.ipv4.ip_local_reserved_ports)
    in_ns edge sysctl -qw net.ipv4.ip_local_reserved_ports=50000-54999
    examine 0
    found reserved-ports warning "source ports 55000-59999" "ip_local_reserved_ports=50000-54999,55000-59999"
    in_ns edge sysctl -qw "net.ipv4.ip_local_reserved_ports=$before"
    examine 0
    found reserved-ports ok
}

case_what_else_the_host_does_to_packets() {
    in_ns edge sysctl -qw net.ipv4.ip_forward=1
    in_ns edge nft add table inet others
    examine 0
    found forwarding warning "routes IPv4" "net.ipv4.ip_forward=0"
    found firewalls note "1 nftables table:"
    in_ns edge nft delete table inet others
    in_ns edge sysctl -qw net.ipv4.ip_forward=0
    examine 0
    found firewalls ok
}

case_frames_and_vlans() {
    in_ns net ip link set edge mtu 9000
    in_ns edge ip link set eth0 mtu 9000
    examine 0
    found mtu ok "MTU 9000"
    in_ns edge ip link set eth0 mtu 1500
    if in_ns edge ip link add link eth0 name eth0.100 type vlan id 100 2>/dev/null; then
        examine 0
        found vlans note "eth0.100"
        in_ns edge ip link delete eth0.100
    fi
    expect_status 0 pm detach --all
    expect_status 0 pm apply -i eth0 --xdp generic "$here/edge.yaml"
    in_ns edge ip link set eth0 mtu 9000
    examine 0
    found generic warning "slower"
    found mtu warning "MTU 9000" "mtu 3498"
    in_ns edge ip link set eth0 mtu 1500
}

case_folders_that_others_may_write() {
    chmod 0777 "$LAB/state"
    examine 1
    found state wrong
    chmod 0700 "$LAB/state"
    examine 0
    found state ok
}

# AVAILABLE COMMAND...: with a /proc/meminfo that says so many kB are left.
with_memory() {
    sed "s/^MemAvailable:.*/MemAvailable: $1 kB/" /proc/meminfo >"$LAB/meminfo"
    # shellcheck disable=SC2016 # expanded by the inner shell
    in_ns edge unshare --mount sh -c 'mount --bind "$0" /proc/meminfo && exec "$@"' "$LAB/meminfo" \
        "$PORTMATRIX" "${@:2}"
}

# Regression: memory at scale. Nothing is made that would leave the host without memory.
case_too_little_memory_is_told_and_refused() {
    expect_status 0 pm detach --all
    expect_status 1 with_memory 70000 doctor --json # it was filtered
    echo "$OUTPUT" >"$LAB/found"
    found memory warning "this host can give 68 MB: 64 MB are kept for its other work" "lower 'flow-capacity'"
    expect_status 4 with_memory 70000 apply -i eth0 "$here/edge.yaml"
    expect_output "the maps need"
    refused grep -q xdp < <(in_ns edge ip link show dev eth0)
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    # What is there needs no more: it can be changed, also by another build, and put in force again.
    expect_status 0 with_memory 30000 apply -i eth0 "$here/edge.yaml"
    expect_status 0 with_memory 30000 ban 192.0.2.66
    expect_status 0 with_memory 30000 unban 192.0.2.66
    set_build "$(abi)" 1
    expect_status 0 with_memory 30000 apply -i eth0 "$here/edge.yaml"
    expect_status 0 with_memory 30000 doctor --json
    echo "$OUTPUT" >"$LAB/found"
    found memory ok "in all; 29 MB are available" || found memory note "in all; 29 MB are available"
    # A policy that outgrows its memory makes nothing that bars the next change.
    { echo "policy: large"; echo 'edge: { host: interface }'
        echo 'peers: { many: { file: many.txt } }'
        echo 'matrix: [{ id: web, transport: tcp, source: many, destination: host, port: 443 }]'; } >"$LAB/large.yaml"
    seq 0 2 999998 | awk '{ printf "10.%d.%d.%d\n", $1 / 65536, $1 / 256 % 256, $1 % 256 }' >"$LAB/many.txt"
    expect_status 4 with_memory 30000 apply --force "$LAB/large.yaml"
    expect_output "shorten the sets of the policy"
    expect_equal "" "$(find "$PORTMATRIX_PIN_DIR" -name 'next_*')" "pins left"
    expect_status 0 with_memory 30000 ban 192.0.2.66
    # At a boot only the kernel may say no.
    expect_status 0 pm detach --all
    expect_status 0 with_memory 30000 restore
    # Nor is a host left open that does not tell its memory.
    expect_status 0 pm detach --all
    : >"$LAB/meminfo.none"
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect_status 0 in_ns edge unshare --mount sh -c 'mount --bind "$0" /proc/meminfo && exec "$@"' \
        "$LAB/meminfo.none" "$PORTMATRIX" apply -i eth0 "$here/edge.yaml"
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect_status 0 in_ns edge unshare --mount sh -c 'mount --bind "$0" /proc/meminfo && exec "$@"' \
        "$LAB/meminfo.none" "$PORTMATRIX" doctor
    expect_output "how much memory the maps take cannot be told: /proc/meminfo does not tell how much memory is available"
    expect_status 0 pm unban 192.0.2.66
}

case_an_interface_that_is_gone() {
    in_ns edge ip link delete eth0
    examine 1
    found attachment wrong "does not exist" "detach -i eth0"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
run_cases "$@"
