#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# doctor --kernel: the next kernel is asked before the reboot, in an emulator that may do nothing.
# PM_KERNELS: those to be asked, as tests/vm/kernel knows them ("6.1 6.12 7").
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

KERNELS=${PM_KERNELS:-6.1 6.12 7}

# FOLDER ARGUMENT...: the kernel that is installed there.
examine() { "$PORTMATRIX" doctor --root "$1" --kernel "$(basename "$1")" "${@:2}"; }

case_the_programs_work_on_each_kernel() {
    local series folder egress
    for series in $KERNELS; do
        folder=$("$ROOT/tests/vm/kernel" "$series")
        expect_status 0 examine "$folder" --json
        egress="TC, by a TCX link"
        [ "$series" != 6.1 ] || egress="TC, by a clsact filter"
        jq -es --arg kernel "Linux $(basename "$folder")" --arg egress "$egress" '
            any(.check == "kernel" and (.message | startswith($kernel))) and
            any(.check == "mode" and (.message | endswith("enforced"))) and
            any(.check == "ingress" and .message == "XDP, native, driver virtio_net") and
            any(.check == "egress" and .message == $egress) and
            any(.check == "probe" and .grade == "ok") and all(.grade != "wrong")' <<<"$OUTPUT" >/dev/null
    done
}

# A copy whose files can be spoiled.
copy_of() { # FOLDER
    COPY=$LAB/$(basename "$1")
    rm -rf "$COPY"
    mkdir -p "$COPY/lib"
    cp -a "$1/boot" "$COPY/boot"
    cp -a "$1/lib/modules" "$COPY/lib/modules"
}

# Without the place for filters nothing can be attached on the way out.
case_what_does_not_work_is_said() {
    copy_of "$("$ROOT/tests/vm/kernel" 6.1)"
    sed -i '/sch_ingress/d' "$COPY"/lib/modules/*/modules.dep
    expect_status 1 examine "$COPY"
    expect_output "wrong   apply           no policy can be put in force"
    expect_output "portmatrix: error: cannot make the clsact qdisc of eth0"
    expect_output "remedy: stay with the kernel that runs"
    rm -rf "$COPY"
}

# A kernel that is made for its host alone may lack the emulator's card.
case_what_cannot_be_tried_is_not_called_broken() {
    copy_of "$("$ROOT/tests/vm/kernel" 6.1)"
    sed -i '/virtio_net/d' "$COPY"/lib/modules/*/modules.dep
    expect_status 1 examine "$COPY"
    expect_output "this kernel cannot be tried in an emulator: it has no driver for the emulator's network card"
    echo broken >"$(find "$COPY/lib/modules/" -name 'virtio_pci.ko*')"
    expect_status 1 examine "$COPY"
    expect_output "cannot load the module virtio_pci.ko"
    rm -rf "$COPY"
    expect_status 2 "$PORTMATRIX" examine-kernel
    expect_output "this runs in an emulator only"
}

case_a_kernel_without_an_answer_is_no_good_news() {
    copy_of "$("$ROOT/tests/vm/kernel" 6.1)"
    head -c 100000 /dev/zero >"$COPY/boot/vmlinuz-$(basename "$COPY")"
    expect_status 1 examine "$COPY"
    expect_output "gave no answer"
    rm -rf "$COPY"
}

case_what_is_missing_is_named_with_its_package() {
    local folder
    folder=$("$ROOT/tests/vm/kernel" 6.1)
    expect_status 1 "$PORTMATRIX" doctor --root "$folder" --kernel 9.9-none
    expect_output "the kernel '9.9-none' is not installed"
    expect_output "linux-image-9.9-none; installed: $(basename "$folder")"
    expect_status 2 "$PORTMATRIX" doctor --kernel ../6.1
    expect_output "'../6.1' is no version of a kernel"
    : >"$LAB/empty"
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect_status 1 unshare --mount sh -c 'mount --bind "$0" /usr/bin/qemu-system-x86_64 && exec "$@"' \
        "$LAB/empty" "$PORTMATRIX" doctor --root "$folder" --kernel "$(basename "$folder")"
    expect_output "install the package qemu-system-x86"
    sed "s/^MemAvailable:.*/MemAvailable: 300000 kB/" /proc/meminfo >"$LAB/meminfo"
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect_status 4 unshare --mount sh -c 'mount --bind "$0" /proc/meminfo && exec "$@"' \
        "$LAB/meminfo" "$PORTMATRIX" doctor --root "$folder" --kernel "$(basename "$folder")"
    expect_output "the emulated kernel needs 512 MB of memory"
}

has_ended() { [ ! -e "/proc/$1/stat" ] || grep -q "^State:.Z" "/proc/$1/status"; }
emulator() { pgrep -P "$1" qemu-system; }

# Nor does it outlive who started it.
case_the_emulator_has_no_privilege() {
    local folder doctor qemu
    folder=$("$ROOT/tests/vm/kernel" 6.1)
    "$PORTMATRIX" doctor --root "$folder" --kernel "$(basename "$folder")" >"$LAB/log/doctor" 2>&1 9</etc/shadow &
    doctor=$!
    wait_for 20 emulator "$doctor"
    qemu=$(emulator "$doctor")
    wait_for 20 grep -q "^Uid:.65534.65534.65534.65534$" "/proc/$qemu/status"
    grep -q "^CapEff:.0000000000000000$" "/proc/$qemu/status"
    grep -q "^NoNewPrivs:.1$" "/proc/$qemu/status"
    refused grep -E "^Groups:.[0-9]" "/proc/$qemu/status"
    refused grep shadow < <(readlink "/proc/$qemu/fd/"*)
    kill -KILL "$doctor"
    wait "$doctor" || true
    wait_for 20 has_ended "$qemu"
    # Nobody needs to be root for it.
    expect_status 0 setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all \
        "$PORTMATRIX" doctor --root "$folder" --kernel "$(basename "$folder")"
    expect_output "the programs judge"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
run_cases "$@"
