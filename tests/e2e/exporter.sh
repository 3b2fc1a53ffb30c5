# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# An exporter that listens on the Edge's port 9927, and what it says. Sourced, after lab.sh and cases.sh.

read_metrics() { # into $LAB/metrics
    in_ns edge curl -sS --fail --max-time 5 -o "$LAB/metrics" http://127.0.0.1:9927/metrics
}

metric() { # NAME [LABEL=VALUE]...
    read_metrics
    /usr/bin/python3 "$ROOT/tests/e2e/metrics.py" get "$LAB/metrics" "$@"
}

exporter_pid() { in_ns edge ss -Hltnp "sport = :9927" | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u; }

# Waits until it has ended: its last walk exports what is left.
stop_exporter() {
    local pid
    pid=$(exporter_pid)
    kill "$pid"
    wait_for 20 refused kill -0 "$pid"
}

prometheus_agrees() { # ADDRESS:PORT of a Prometheus whose figures are those of status
    pm status --json >"$LAB/status"
    in_ns edge /usr/bin/python3 "$ROOT/tests/e2e/metrics.py" query "$LAB/status" "http://$1" >"$LAB/agreed" 2>&1
}
