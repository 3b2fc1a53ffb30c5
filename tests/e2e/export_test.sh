#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The exporter: its figures are those of `status`, a real Prometheus scrapes it, hostile clients do
# not hinder that, and it needs no privilege.
#   PM_HOSTILE=N  hostile clients at a time (1000)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
# shellcheck source=tests/e2e/exporter.sh
. "$here/exporter.sh"

PORT=9927
PROMETHEUS=9090
COLLECT=(/usr/bin/python3 "$here/metrics.py")

get() { # URL-PATH [OPTION...]
    local path=$1
    shift
    in_ns edge curl -sS --fail-with-body --max-time 5 "$@" "http://127.0.0.1:$PORT$path"
}

exporter_is_healthy() { get /-/healthy; }

metric_is() { # VALUE NAME [LABEL=VALUE]...
    local want=$1
    shift
    [ "$(metric "$@")" = "$want" ]
}

start_exporter() { # [OPTION...]
    lab_start edge exporter "$PORTMATRIX" export --interval 1s "$@"
    wait_for 20 exporter_is_healthy || { cat "$LAB/log/exporter"; return 1; }
}

# The same figures, as soon as all of them are of the same moment.
same_figures() {
    pm status --json >"$LAB/status"
    read_metrics
    "${COLLECT[@]}" equal "$LAB/status" "$LAB/metrics"
}

query() { # PROMQL: the value of the only result
    in_ns edge curl -sS -G --data-urlencode "query=$1" "http://127.0.0.1:$PROMETHEUS/api/v1/query" |
        jq -er '.data.result[0].value[1]'
}

case_nothing_in_force() {
    start_exporter -i eth0
    metric_is 0 portmatrix_attached interface=eth0 hook=ingress
    metric_is 0 portmatrix_watch_up
    metric_is 1 portmatrix_build_info version="$("$PORTMATRIX" --version | cut -d' ' -f2)"
    stop_exporter
    # No option names an interface, and none was ever filtered.
    start_exporter
    metric_is 0 portmatrix_attached interface= hook=ingress
    metric_is 0 portmatrix_attached interface= hook=egress
    metric_is 0 portmatrix_policy_generation
    metric_is 0 portmatrix_confirm_pending
    promtool check metrics <"$LAB/metrics"
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    wait_for 20 metric_is 1 portmatrix_policy_generation
    metric_is 0 portmatrix_attached interface=eth0 hook=ingress # nobody looks
    expect_status 0 pm detach --all
    stop_exporter
}

case_figures_are_those_of_status() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    start_exporter --listen "127.0.0.1:$PORT" --listen "[::1]:$PORT" --listen "unix:$LAB/export" \
        --textfile "$LAB/portmatrix.prom"
    pings user "$EDGE4" 20
    pings user "$EDGE6" 20
    stun_talks messenger "$EDGE4"
    tls_talks user "$EDGE4" 443
    refused tcp_talks attacker "$EDGE4" 22
    refused tcp_talks edge "$MESSENGER4" 49999
    wait_for 20 same_figures || same_figures
    wait_for 20 metric_is "$(pm status --json | jq .flows.live)" portmatrix_flows interface=eth0
    [ "$(metric portmatrix_row_packets_total row=ping-in direction=in)" -ge 40 ]
}

case_prometheus_scrapes() {
    cat >"$LAB/prometheus.yml" <<YAML
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs: [{ job_name: portmatrix, static_configs: [{ targets: ["127.0.0.1:$PORT"] }] }]
YAML
    lab_start edge prometheus prometheus --config.file "$LAB/prometheus.yml" \
        --storage.tsdb.path "$LAB/prometheus" --web.listen-address "127.0.0.1:$PROMETHEUS" \
        --log.level warn
    wait_for 20 prometheus_agrees "127.0.0.1:$PROMETHEUS" || { cat "$LAB/agreed" "$LAB/log/prometheus"; return 1; }
    cat "$LAB/agreed"
}

case_every_way_to_listen() {
    local file
    in_ns edge curl -sS --fail -o "$LAB/v6" "http://[::1]:$PORT/metrics"
    in_ns edge curl -sS --fail -o "$LAB/unix" --unix-socket "$LAB/export" http://exporter/metrics
    for file in "$LAB/v6" "$LAB/unix" "$LAB/portmatrix.prom"; do
        promtool check metrics <"$file"
        "${COLLECT[@]}" get "$file" portmatrix_build_info
    done
    refused get /nothing -o /dev/null
    refused get /metrics -X DELETE -o /dev/null
    in_ns edge curl -sS "http://127.0.0.1:$PORT/none" | grep -F /metrics >/dev/null
    # Without an option only this host reaches it.
    in_ns edge ss -Hltn "sport = :$PORT" | awk '{ print $4 }' | sort >"$LAB/sockets"
    expect_equal "127.0.0.1:$PORT [::1]:$PORT" "$(paste -sd' ' "$LAB/sockets")" "listens on"
}

# HOST PATH [URL]: the HTTP status of the answer to a request with this Host header.
status_as() { in_ns edge curl -sS -o "$LAB/answer" -w '%{http_code}' -H "Host: $1" "${3:-http://127.0.0.1:$PORT}$2"; }

# A foreign web site whose name resolves to this host must not read it through a browser.
case_other_names_are_not_answered() {
    local path
    for path in / /page.js /status /metrics; do
        expect_equal 421 "$(status_as evil.example:$PORT $path)" "the answer to another name of $path"
        refused grep -q portmatrix_ "$LAB/answer"
        grep -q "^'evil.example:9927' is no name of this host: .*--host-name" "$LAB/answer"
        expect_equal 200 "$(status_as "localhost:$PORT" $path)" "the answer to localhost of $path"
        expect_equal 200 "$(status_as "$(hostname):$PORT" $path)" "the answer to the host's name of $path"
    done
    expect_equal 200 "$(status_as evil.example /-/healthy)" "the answer to another name of health"
    # Prometheus may know a host by any name.
    lab_start edge named "$PORTMATRIX" export --listen "$EDGE4:9929" --listen "127.0.0.1:9929" --host-name edge1.example
    lab_await edge tcp 9929
    expect_equal 200 "$(status_as edge.other.example /metrics "http://$EDGE4:9929")" "the answer to any name of metrics"
    expect_equal 421 "$(status_as edge.other.example /status "http://$EDGE4:9929")" "the answer to any name of the state"
    expect_equal 200 "$(status_as edge1.example:9929 /status "http://$EDGE4:9929")" "the answer to the name given"
    expect_equal 200 "$(status_as edge1.example:9929 /metrics http://127.0.0.1:9929)" "the answer to the name given"
}

promtool_reads() { grep -q portmatrix_build_info "$1" && promtool check metrics <"$1"; }

# The folder may belong to the collector's user.
case_a_textfile_is_written_over_no_link() {
    local folder=$LAB/collector pid
    mkdir "$folder"
    echo precious | tee "$LAB/linked" >"$LAB/hard"
    chmod 600 "$LAB/linked" "$LAB/hard"
    ln -s "$LAB/linked" "$folder/portmatrix.prom.tmp"
    ln "$LAB/hard" "$folder/portmatrix.prom.new"
    ln -s "$LAB/linked" "$folder/portmatrix.prom"
    # The path is relative to the folder in which the exporter runs.
    # shellcheck disable=SC2016 # expanded by the inner shell
    lab_start edge textfile sh -c 'cd "$1" && shift && umask 077 && exec "$@"' sh "$folder" \
        "$PORTMATRIX" export --textfile portmatrix.prom
    wait_for 20 promtool_reads "$folder/portmatrix.prom"
    refused test -L "$folder/portmatrix.prom"
    expect_equal 644 "$(stat -c %a "$folder/portmatrix.prom")" "mode of the textfile"
    expect_equal "precious 600 precious 600" "$(paste -sd' ' <(cat "$LAB/linked"; stat -c %a "$LAB/linked"
        cat "$LAB/hard"; stat -c %a "$LAB/hard"))" "what others linked to"
    pid=$(pgrep -f "^$PORTMATRIX export --textfile portmatrix.prom")
    kill "$pid"
    wait_for 20 refused kill -0 "$pid"
}

case_wrong_options() {
    expect_status 2 pm export --listen 2001:db8::1:80
    expect_output "is no ADDR:PORT"
    expect_status 2 pm export --listen 127.0.0.1:99999
    expect_status 2 pm export --listen host.example:80
    expect_output "is no address"
    expect_status 2 pm export --ipfix 127.0.0.1
    expect_output "is no HOST:PORT"
    expect_status 2 pm export --host-name http://edge1
    expect_output "is no name of a host"
    expect_status 2 pm export --interval 31s
    expect_status 1 pm export --listen "127.0.0.1:$PORT"
    expect_output "EADDRINUSE"
    expect_status 1 pm export --json-flows /proc/none
}

case_attachment_is_what_watch_sees() {
    metric_is 0 portmatrix_watch_up
    metric_is 0 portmatrix_attached hook=ingress
    lab_start edge watch "$PORTMATRIX" watch
    wait_for 20 metric_is 1 portmatrix_watch_up
    metric_is 1 portmatrix_attached hook=ingress
    metric_is 1 portmatrix_attach_info hook=ingress kind=xdp mode=native
    metric_is 1 portmatrix_attach_info hook=egress mode=
    get /status | jq -es 'all(.[]; .attachment_age_seconds < 15)' >/dev/null
}

case_promtool_finds_nothing() {
    get /metrics >"$LAB/metrics"
    expect_equal "" "$(promtool check metrics <"$LAB/metrics" 2>&1)" promtool
    local name
    sed -n 's/^PM_METRIC([A-Z_]*, "\([a-z_]*\)".*/\1/p' "$ROOT/loader/export/metrics.def" >"$LAB/names"
    [ "$(wc -l <"$LAB/names")" -ge 25 ]
    while read -r name; do
        grep -qE "^${name}[{ ]" "$LAB/metrics" || { echo "no sample of $name"; return 1; }
    done <"$LAB/names"
}

# As a service would: the pins, nothing writable, no capability; the socket comes from systemd.
case_no_capability_is_needed() {
    local pins=$LAB/readable
    mkdir "$pins"
    # shellcheck disable=SC2016 # expanded by the inner shell
    lab_start edge unprivileged env PORTMATRIX_PIN_DIR="$pins" unshare --mount sh -c '
        mount --bind "$1" "$2" && mount -o remount,ro,bind "$2" && shift 2 && exec "$@"' sh \
        "$PORTMATRIX_PIN_DIR" "$pins" \
        setpriv --no-new-privs --bounding-set=-all --inh-caps=-all \
        systemd-socket-activate -l "127.0.0.1:9928" -E PORTMATRIX_PIN_DIR \
        "$PORTMATRIX" export --interval 1s
    wait_for 20 in_ns edge curl -sS --fail -o /dev/null http://127.0.0.1:9928/metrics ||
        { cat "$LAB/log/unprivileged"; return 1; }
    local pid
    pid=$(in_ns edge ss -Hltnp "sport = :9928" | grep -o 'pid=[0-9]*' | cut -d= -f2 | head -n 1)
    expect_equal 0000000000000000 "$(awk '/^CapEff/ { print $2 }' "/proc/$pid/status")" capabilities
    grep -q portmatrix "/proc/$pid/comm"
    wait_for 20 unprivileged_figures || { unprivileged_figures; return 1; }
    kill "$pid"
}

unprivileged_figures() {
    pm status --json >"$LAB/status"
    in_ns edge curl -sS --fail -o "$LAB/metrics" http://127.0.0.1:9928/metrics
    "${COLLECT[@]}" equal "$LAB/status" "$LAB/metrics"
}

case_hostile_clients_delay_no_scrape() {
    local count=${PM_HOSTILE:-1000} seconds=12 made
    [ "$count" -le 1000 ] || seconds=30
    made=$(in_ns edge /usr/bin/python3 "$here/hostile.py" "$PORT" "$count" "$seconds")
    echo "# $made hostile connections, scrapes took at most" \
        "$(query "max_over_time(scrape_duration_seconds[${seconds}s])") s"
    [ "$made" -ge "$count" ]
    # The hostile clients load this machine as well, so one scrape in ten may be late for that reason.
    expect_equal 1 "$(query "avg_over_time(up[$((seconds + 2))s]) >= bool 0.9")" "nine scrapes of ten came"
    # One a second, except for the first and the last second.
    [ "$(query "count_over_time(up[${seconds}s])")" -ge $((seconds - 2)) ]
    wait_for 20 few_descriptors
    exporter_is_healthy
}

few_descriptors() { [ "$(find "/proc/$(exporter_pid)/fd" -mindepth 1 | wc -l)" -lt 60 ]; }

case_a_restart_of_everything_keeps_the_figures() {
    local before after
    before=$(pm status --json | jq -S '[.rows[] | {id, packets_in, packets_out, flows_total}]')
    stop_exporter
    expect_status 0 pm apply "$here/edge.yaml"
    start_exporter --listen "$PORT"
    after=$(get /status | jq -S '[.rows[] | {id, packets_in, packets_out, flows_total}]')
    expect_equal "$(jq length <<<"$before")" "$(jq length <<<"$after")" rows
    jq -en --argjson a "$before" --argjson b "$after" \
        '[$a, $b] | transpose | all(.[0].packets_in <= .[1].packets_in and .[0].flows_total <= .[1].flows_total)'
    wait_for 20 same_figures || same_figures
}

nothing_is_in_force() { [ -z "$(get /status)" ]; }

# What watch noted last is no answer once watch is gone.
case_attachment_that_nobody_looks_at_is_not_said_to_be() {
    local watch
    watch=$(cat "$LAB/run/watch")
    metric_is 1 portmatrix_attached interface=eth0 hook=egress
    kill "$watch"
    wait_for 20 refused kill -0 "$watch"
    wait_for 30 metric_is 0 portmatrix_attached interface=eth0 hook=egress
    metric_is 0 portmatrix_watch_up
    refused metric portmatrix_attach_info hook=egress
    expect_equal null "$(drift)" drift
}

case_what_is_detached_is_said() {
    expect_status 0 pm detach --all
    # An answer may be 200 ms old.
    wait_for 20 metric_is 0 portmatrix_attached interface=eth0 hook=ingress
    metric_is 0 portmatrix_attached interface=eth0 hook=egress
    promtool check metrics <"$LAB/metrics"
    wait_for 20 nothing_is_in_force
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    wait_for 20 refused nothing_is_in_force
    stop_exporter
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_services
run_cases "$@"
