#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages on a host of their own: a layer over this machine's root, which shows what they
# put there and what they leave. Run by scripts/test-all; needs `scripts/setup --all`.
#   PM_PACKAGES=FOLDER  packages that are built already
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

PACKAGES=${PM_PACKAGES:-$ROOT/build/package}
UNITS=/lib/systemd/system

host_make() {
    mkdir -p "$LAB/layer" "$LAB/work" "$LAB/host" "$LAB/newer"
    mount -t overlay -o "lowerdir=/,upperdir=$LAB/layer,workdir=$LAB/work" portmatrix "$LAB/host"
    mount -t proc proc "$LAB/host/proc"
    mount --bind /dev "$LAB/host/dev"
    mount --rbind /sys "$LAB/host/sys"
    mount --make-rslave "$LAB/host/sys" # or unmounting it would unmount this machine's
    mount --bind "$LAB/bpf" "$LAB/host/sys/fs/bpf"
    mount -t tmpfs -o mode=755 run "$LAB/host/run"
}

host_remove() {
    umount -R "$LAB/host" || umount -R -l "$LAB/host"
    rmdir "$LAB/host"
}

# Runs a command as on a host of its own, with the paths of the package.
host() {
    in_ns edge chroot "$LAB/host" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive NO_COLOR=1 "$@"
}

is_enforcing() {
    pings user "$EDGE4" 1
    in_ns attacker nmap -n -Pn -sS --max-retries 1 -p 8080 -oG "$LAB/nmap" "$EDGE4" >/dev/null
    grep -q '8080/filtered' "$LAB/nmap"
}

status() { host portmatrix status --json; } # what status.sh asks

# FOLDER VERSION: the same packages under another version.
repack() {
    local package tree
    for package in "$PACKAGES"/portmatrix*_*.deb; do
        case $package in *dbgsym*) continue ;; esac
        tree=$(mktemp -d "$LAB/tree.XXXXXX")
        dpkg-deb -R "$package" "$tree"
        sed -i "s/^Version: .*/Version: $2/; s/(= [^)]*)/(= $2)/" "$tree/DEBIAN/control"
        dpkg-deb --root-owner-group -b "$tree" "$1" >/dev/null
        rm -rf "$tree"
    done
}

install_from() { # FOLDER
    mkdir -p "$LAB/host/run/packages"
    rm -f "$LAB/host/run/packages/"*
    cp "$1"/portmatrix*_*.deb "$LAB/host/run/packages"
    rm -f "$LAB/host/run/packages/"*dbgsym*
    host sh -c 'dpkg -i /run/packages/*.deb'
}

case_lintian_finds_nothing() {
    lintian --fail-on error,warning --tag-display-limit 0 "$PACKAGES"/portmatrix*_*.deb
}

case_it_installs() {
    install_from "$PACKAGES"
    host portmatrix --version
    for page in 'portmatrix(8)' 'portmatrix-policy(5)' 'portmatrix-metrics(7)'; do
        host man -w "$page"
    done
    [ -d "$LAB/host/etc/portmatrix" ]
    cmp "$ROOT/dashboards/portmatrix.json" "$LAB/host/usr/share/portmatrix/dashboards/portmatrix.json"
    cmp "$ROOT/dashboards/portmatrix.rules.yml" "$LAB/host/usr/share/portmatrix/dashboards/portmatrix.rules.yml"
    expect_status 0 host portmatrix status
    expect_output "no policy is in force; nothing is filtered"
}

case_units_are_sound() {
    host sh -c "systemd-analyze verify $UNITS/portmatrix*.service $UNITS/portmatrix*.socket $UNITS/portmatrix*.path" 2>&1 |
        tee "$LAB/log/verify"
    expect_equal "" "$(cat "$LAB/log/verify")" "systemd-analyze verify"
    local folder
    for folder in /etc/portmatrix /etc/portmatrix/sets /usr/share/portmatrix/policies; do
        host grep -qx "PathChanged=$folder" "$UNITS/portmatrix.path"
    done
    # Thresholds are in tenths.
    host systemd-analyze security --offline=yes --threshold=20 portmatrix.service
    host systemd-analyze security --offline=yes --threshold=6 portmatrix-exporter.service
    host systemd-analyze security --offline=yes --threshold=6 portmatrix-droplog.service
    [ ! -e "$LAB/host/etc/systemd/system/multi-user.target.wants/portmatrix-droplog.service" ]
}

case_a_policy_is_applied() {
    cp "$here/edge.yaml" "$LAB/host/etc/portmatrix/policy.yaml"
    host portmatrix check /etc/portmatrix/policy.yaml # what it includes was installed
    host portmatrix apply /etc/portmatrix/policy.yaml -i eth0
    is_enforcing
}

case_an_upgrade_keeps_enforcing() {
    local before
    before=$(state_in_force)
    repack "$LAB/newer" 9.0
    install_from "$LAB/newer"
    expect_equal "$before" "$(state_in_force)" "in force"
    is_enforcing
    host portmatrix apply
    [ -s "$LAB/host/etc/portmatrix/policy.yaml" ]
}

case_a_downgrade_keeps_enforcing() {
    local before
    before=$(state_in_force)
    install_from "$PACKAGES"
    expect_equal "$before" "$(state_in_force)" "in force"
    is_enforcing
    host portmatrix apply
}

# The Ansible role of the package, run on the host itself. No systemd runs there, so services are only
# enabled.
case_the_ansible_role_checks_applies_and_confirms() {
    local play=$LAB/host/run/play
    mkdir -p "$play/templates"
    sed 's/contoso-edge/by-ansible/' "$here/edge.yaml" >"$play/templates/policy.yaml.j2"
    echo '[{ hosts: all, gather_facts: false, roles: [/usr/share/portmatrix/ansible/portmatrix] }]' \
        >"$play/play.yaml"
    play() {
        host env HOME=/run/play ANSIBLE_NOCOLOR=1 ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 \
            ansible-playbook -c local -i localhost, /run/play/play.yaml
    }
    play
    expect_equal "by-ansible null" "$(host portmatrix status --json |
        jq -r '"\(.policy.name) \(.pending_confirm)"')" "in force"
    is_enforcing
    # A policy that fails its check is not installed.
    echo 'matrix: []' >"$play/templates/policy.yaml.j2"
    refused play
    grep -q by-ansible "$LAB/host/etc/portmatrix/policy.yaml"
}

# As systemd reads both files: the options of a reload are words of their own, and none if there are none.
case_a_reload_takes_the_options_of_the_administrator() {
    local unit=$LAB/host$UNITS/portmatrix.service
    grep -q '^EnvironmentFile=-/etc/default/portmatrix$' "$unit"
    # shellcheck disable=SC2016 # systemd expands it
    grep -q '^ExecReload=.* \$PORTMATRIX_RELOAD_OPTIONS$' "$unit"
    host dpkg -s portmatrix | grep ' /etc/default/portmatrix ' # a file of the administrator
    # shellcheck source=debian/portmatrix.default
    (. "$LAB/host/etc/default/portmatrix" && [ -z "$PORTMATRIX_RELOAD_OPTIONS" ])
}

case_removing_it_removes_the_firewall() {
    host dpkg -r portmatrix
    in_ns edge ip -d link show dev eth0 >"$LAB/link"
    refused grep prog/xdp "$LAB/link"
    [ -s "$LAB/host/etc/portmatrix/policy.yaml" ] # the administrator's
}

case_a_purge_leaves_nothing() {
    host dpkg -P portmatrix portmatrix-policies portmatrix-dashboards
    # A character device in the layer means that a file of the machine was removed.
    find "$LAB/layer" ! -type d ! -type c -printf '/%P\n' |
        grep -v -e '^/var/lib/dpkg/' -e '^/var/log/' -e '^/var/cache/\(man\|ldconfig\|debconf\)/' \
            -e '^/etc/ld.so.cache$' -e '/\.wh\.' -e '^/var/cache/apt/' >"$LAB/left" || true
    expect_equal "" "$(cat "$LAB/left")" "what is left"
    expect_equal "" "$(find "$LAB/bpf" -mindepth 1 ! -name '*.debug')" "pins"
}

[ -n "${PM_PACKAGES:-}" ] || "$ROOT/scripts/package"
lab_make
trap 'host_remove; lab_remove "$LAB"' EXIT
host_make
lab_services
run_cases "$@"
