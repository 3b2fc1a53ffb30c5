#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The shipped policies: the expectations of each site file hold; each shipped file is right by itself or
# says what the site must add. Needs no root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

check() { "$PORTMATRIX" check "$@"; }

check_site() {
    local file=$ROOT/tests/policies/$1.yaml
    expect_status 0 check "$file"
    # The printed policy is valid input, and means the same.
    "$PORTMATRIX" show --policy "$file" >"$scratch/shown-$1.yaml"
    expect_status 0 check "$scratch/shown-$1.yaml"
    "$PORTMATRIX" show --policy "$scratch/shown-$1.yaml" | diff "$scratch/shown-$1.yaml" -
}

for file in "$ROOT"/tests/policies/*.yaml; do
    name=$(basename "$file" .yaml)
    eval "case_site_$name() { check_site '$name'; }"
done

case_every_shipped_policy_has_a_site() {
    local file
    for file in "$ROOT"/policy/*.yaml; do
        grep -q "policy/$(basename "$file")" "$ROOT"/tests/policies/*.yaml || {
            grep -q "include: \[$(basename "$file")\]" "$ROOT"/policy/*.yaml ||
                { echo "no site file includes $file"; return 1; }
        }
    done
}

case_every_row_is_expected() {
    local file id
    for file in "$ROOT"/policy/*.yaml; do
        sed -n 's/^ *- id: //p' "$file" | while read -r id; do
            grep -q "row: $id }" "$ROOT"/tests/policies/*.yaml ||
                grep -q "row: $id," "$ROOT"/tests/policies/*.yaml ||
                { echo "no site file expects row $id of $file"; return 1; }
        done
    done
}

case_required_sets_are_asked_for() {
    expect_status 3 check "$ROOT/policy/lync-2013-public-im.yaml"
    expect_output public-im-partners
    expect_output access-sip-mtls-in
    expect_status 3 check "$ROOT/policy/lync-2013-consolidated-edge.yaml"
    expect_output webconf
}

case_shipped_policies_stand_alone_where_they_can() {
    local name
    for name in host-base coturn kamailio-rtpengine teams-direct-routing-sbc; do
        expect_status 0 check "$ROOT/policy/$name.yaml"
    done
}

case_a_file_that_cannot_be_read_is_a_failure_but_an_include_is_an_error() {
    local -a explain=(explain --from 192.0.2.66 --to 203.0.113.10 --proto icmp)
    local path
    for path in "$scratch/none.yaml" "$scratch"; do
        expect_status 1 check "$path"
        expect_output "error: cannot read policy '$path'"
        expect_status 1 "$PORTMATRIX" show --policy "$path"
        expect_status 1 "$PORTMATRIX" "${explain[@]}" --policy "$path"
        expect_status 1 "$PORTMATRIX" diff "$path"
    done
    printf 'policy: test\ninclude: [none.yaml]\n' >"$scratch/including.yaml"
    expect_status 3 check "$scratch/including.yaml"
    expect_output "including.yaml:2:11: error: cannot find 'none.yaml'"
}

case_a_wrong_expectation_names_a_witness() {
    sed 's/tcp: 5061, verdict: drop/tcp: 443, verdict: drop/' "$here/edge.yaml" >"$scratch/wrong.yaml"
    expect_status 3 check "$scratch/wrong.yaml"
    expect_output "wrong.yaml:"
    expect_output "192.0.2.66"
}

case_an_expectation_from_an_own_address_goes_out_as_explain_says() {
    local file=$scratch/own.yaml verdict
    for verdict in drop pass; do
        cat >"$file" <<EOF
policy: own
edge: { access: [203.0.113.10] }
matrix:
  - { id: dns-out, transport: udp, source: access, destination: any, port: 53 }
expect:
  - { from: 203.0.113.10, to: 8.8.8.8, udp: 53, verdict: $verdict }
EOF
        expect_status "$([ $verdict = pass ] && echo 0 || echo 3)" check "$file"
        [ $verdict = pass ] || expect_output "203.0.113.10:40000 -> 8.8.8.8:53 passes by row 'dns-out'"
    done
    expect_status 0 "$PORTMATRIX" explain --policy "$file" --from 203.0.113.10 --to 8.8.8.8:53 --proto udp
    expect_output dns-out
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PORTMATRIX_POLICY_PATH=$ROOT/policy
run_cases "$@"
