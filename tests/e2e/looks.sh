# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What `watch` tells systemd with each look. Sourced after lab.sh and cases.sh.

# COMMAND...: runs watch under the command, and hears what it says.
start_watch_and_hear() {
    rm -f "$LAB/notify"
    lab_start edge notify /usr/bin/python3 "$ROOT/tests/e2e/notify.py" "$LAB/notify"
    notifier=$!
    wait_for 20 test -S "$LAB/notify"
    start_watch_under env NOTIFY_SOCKET="$LAB/notify" "$@"
}
stop_watch_and_hear() {
    kill "$notifier"
    stop_watch TERM
}

looks() { grep -c WATCHDOG "$LAB/log/notify" || true; }
has_looked() { [ "$(looks)" -ge "$1" ]; } # TIMES
last_status() { grep -o "STATUS=.*" "$LAB/log/notify" | tail -n 1; }

# What it tries in vain does not wake it: from now on a look comes every two seconds. And its status
# says what is wrong, the same each time.
looks_at_leisure() { # STATUS
    local before since
    before=$(looks)
    wait_for 20 has_looked $((before + 2))
    before=$(looks)
    since=$(date +%s%N)
    wait_for 30 has_looked $((before + 3))
    [ $(($(date +%s%N) - since)) -gt 3000000000 ] || { echo "three looks at once"; return 1; }
    last_status | grep -F -- "STATUS=degraded: $1" || { last_status; return 1; }
    expect_equal 1 "$(grep -o "STATUS=.*" "$LAB/log/notify" | tail -n 3 | sort -u | wc -l)" "texts of three looks"
}
