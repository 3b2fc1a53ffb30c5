# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A host that boots without programs. Sourced by parachute_test.sh and flush_test.sh, after lab.sh and cases.sh.

TABLE=(inet portmatrix-parachute)
is_loaded() { in_ns edge nft list tables | grep -xF "table ${TABLE[*]}" >/dev/null; }
is_gone() { ! is_loaded; }
rendered() { head -n 1 "$LAB/state/parachute/rendered" | jq -r ".$1"; }
is_rendered() { [ "$(rendered generation)" = "$(jq -r .generation "$LAB/state/confirmed.json")" ]; }
pm_without_bpf() { in_ns edge /usr/bin/python3 "$ROOT/tests/e2e/without_bpf.py" "$PORTMATRIX" "$@"; }
parachute_entries() { pm history --json | jq -s --arg text "$1" '[.[] | select(.action == "parachute" and (.message | contains($text)))] | length'; } # TEXT
history_has() { [ "$(parachute_entries "$1")" -gt 0 ]; }

neighbour_is_known() { in_ns user ip -6 neigh show "$EDGE6" | grep lladdr; }

# The policy is confirmed and in force on eth0, as after a boot that went well.
begin() {
    in_ns edge ip link set dev eth0 xdp off 2>/dev/null || true
    pm detach --all
    rm -rf "$LAB/run"
    pm apply --force -i eth0 "$ROOT/tests/e2e/edge.yaml" # a session of the case before may still be there
    wait_for 20 is_rendered
}

# As after a boot: nothing is pinned, no run folder, no table. What was confirmed stays.
reboot() {
    pm detach --all >/dev/null 2>&1
    rm -rf "$LAB/run"
    is_gone
}
boot_without_bpf() {
    reboot
    expect_status 1 pm_without_bpf restore
    is_loaded
}

# What the matrix permits passes, what it does not is dropped.
policy_holds() {
    wait_for 20 tcp_talks user "$EDGE4" 22
    wait_for 20 tcp_talks user "$EDGE6" 22
    ssh_is_closed
    refused tcp_talks attacker "$EDGE6" 22
}

# An XDP program that is none of ours.
put_stranger() { # LINK
    [ -e "$LAB/stranger.o" ] ||
        compile_bpf "$LAB/stranger.o" <<'END'
struct context;
__attribute__((section("xdp"), used)) int stranger(struct context *c) { return 2; }
char _license[] __attribute__((section("license"), used)) = "GPL";
END
    in_ns edge ip link set dev "$1" xdp obj "$LAB/stranger.o" sec xdp
}
remove_stranger() { in_ns edge ip link set dev "$1" xdp off; }
