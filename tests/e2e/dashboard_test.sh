#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The dashboard and the alerts with a real Prometheus that scrapes a real exporter: every query has an
# answer, and every alert uses metrics that exist.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

PROMETHEUS=127.0.0.1:9090
RULES=$ROOT/dashboards/portmatrix.rules.yml
DASHBOARD=$ROOT/dashboards/portmatrix.json

ask() { # PROMQL: how many results
    in_ns edge curl -sS -G --data-urlencode "query=$1" "http://$PROMETHEUS/api/v1/query" |
        jq -e 'if .status == "success" then .data.result | length else error(.error) end'
}

has_data() { [ "$(ask "$1")" -gt 0 ]; }

# The values that Grafana fills in: an interval of four scrapes, and the choice for each variable.
# shellcheck disable=SC2016 # Grafana's variables
filled() {
    sed "s/\$__rate_interval/4s/g; s/\$job/${CHOSEN[job]:-.*}/g; s/\$instance/${CHOSEN[instance]:-.*}/g
        s/\$interface/${CHOSEN[interface]:-.*}/g"
}

queries() { jq -r '[.panels[].targets[].expr, .annotations.list[].expr][]' "$DASHBOARD" | filled; }

declare -A CHOSEN=()
# NAME SELECTOR LABEL: the choices for the variable; here there must be exactly one.
choose() {
    CHOSEN[$1]=$(in_ns edge curl -sS -G --data-urlencode "match[]=$(filled <<<"$2")" \
        "http://$PROMETHEUS/api/v1/label/$3/values" | jq -er '.data | if length == 1 then .[0] else error end')
}

every_query_has_an_answer() {
    local expr count=0
    while read -r expr; do
        count=$((count + 1))
        has_data "$expr" || { echo "no data: $expr"; return 1; }
    done < <(queries)
    [ "$count" -ge 30 ]
    expect_equal "$(jq '[.. | objects | select(has("expr"))] | length' "$DASHBOARD")" "$count" queries
    echo "# $count queries"
}

case_alerts_fire_when_they_should() {
    promtool check rules "$RULES"
    cd "$ROOT/dashboards"
    promtool test rules portmatrix.rules.test.yml
    local name
    while read -r name; do
        grep -q "$name" portmatrix.rules.test.yml || { echo "$name is not tested"; return 1; }
    done < <(sed -n 's/^ *- alert: //p' "$RULES")
}

case_prometheus_has_figures() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    lab_start edge watch "$PORTMATRIX" watch
    lab_start edge exporter "$PORTMATRIX" export --interval 1s
    cat >"$LAB/prometheus.yml" <<YAML
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: ["$RULES"]
scrape_configs: [{ job_name: portmatrix, static_configs: [{ targets: ["127.0.0.1:9927"] }] }]
YAML
    lab_start edge prometheus prometheus --config.file "$LAB/prometheus.yml" \
        --storage.tsdb.path "$LAB/prometheus" --web.listen-address "$PROMETHEUS" --log.level warn
    pings user "$EDGE4" 10
    stun_talks messenger "$EDGE4"
    refused tcp_talks attacker "$EDGE4" 22
    wait_for 20 has_data 'rate(portmatrix_row_packets_total[4s])' || { cat "$LAB/log/prometheus"; return 1; }
    wait_for 20 has_data 'portmatrix_watch_up == 1'
}

case_every_query_of_the_dashboard_has_an_answer() {
    # A new generation, for the queries that show when one came.
    expect_status 0 pm apply "$(edited_policy second 's/^expect:/fragments: drop\nexpect:/')"
    wait_for 20 has_data 'changes(portmatrix_policy_generation[1m]) > 0'
    every_query_has_an_answer
}

# Asks for the choices of each variable as Grafana does, with the choices made before.
case_variables_have_values_and_every_query_an_answer_for_them() {
    local name query
    while IFS=$'\t' read -r name query; do
        [[ $query =~ ^label_values\((.*),\ ([a-z]+)\)$ ]]
        choose "$name" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    done < <(jq -r '.templating.list[] | select(.type == "query") | [.name, .query.query] | join("\t")' "$DASHBOARD")
    expect_equal "portmatrix 127.0.0.1:9927 eth0" "${CHOSEN[job]} ${CHOSEN[instance]} ${CHOSEN[interface]}" "chosen"
    refused grep -F '$' <(queries)
    every_query_has_an_answer
}

case_alerts_are_about_what_there_is() {
    local metric
    while read -r metric; do
        has_data "$metric" || { echo "there is no $metric"; return 1; }
    done < <(grep -oE 'portmatrix_[a-z_]+' "$RULES" | sort -u)
    in_ns edge curl -sS "http://$PROMETHEUS/api/v1/rules" |
        jq -e '[.data.groups[].rules[].health] | length >= 12 and all(. == "ok")'
    # Nothing is wrong here: nothing fires.
    in_ns edge curl -sS "http://$PROMETHEUS/api/v1/alerts" |
        jq -e '[.data.alerts[] | select(.state == "firing") | .labels.alertname] == []'
}

case_grafana_finds_its_data_source() {
    jq -e '[.templating.list[] | select(.type == "datasource" and .name == "datasource")] | length == 1' \
        "$DASHBOARD"
    # Each panel and query names that variable, and no panel lies on another.
    jq -e '[.panels[] | .datasource.uid, .targets[].datasource.uid] | unique == ["${datasource}"]' \
        "$DASHBOARD"
    jq -e '[.panels[].gridPos | range(.y; .y + .h) as $y | range(.x; .x + .w) as $x | [$x, $y]]
           | length == (unique | length)' "$DASHBOARD"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_services
run_cases "$@"
