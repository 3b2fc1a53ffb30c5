#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every policy in the documents passes its check, and commands say what the documents show.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"
export PORTMATRIX_POLICY_PATH=$ROOT/policy

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Each code block that begins with "policy:" is a whole file.
awk -v folder="$folder" '
    FNR == 1 { split(FILENAME, parts, "/"); page = parts[length(parts)]; block = 0 }
    /^```yaml$/ { inside = 1; block++; out = ""; next }
    /^```$/ { inside = 0; next }
    inside && !out && /^policy:/ { out = folder "/" page "-" block ".yaml" }
    inside && out { print > out }' "$ROOT"/README.md "$ROOT"/docs/*.md

case_policies_in_the_papers_pass_their_check() {
    local file count=0
    for file in "$folder"/*.yaml; do
        expect_status 0 "$PORTMATRIX" check "$file"
        count=$((count + 1))
    done
    echo "# $count policies"
    [ "$count" -ge 5 ]
}

# The commands of the page are run in a lab, and say what the page shows.
case_everyday_questions_are_answered_as_the_page_says() {
    lab_make
    trap 'lab_remove "$LAB"' EXIT
    mkdir "$LAB/bin" "$LAB/etc"
    ln -s "$PORTMATRIX" "$LAB/bin/portmatrix"
    export PATH=$LAB/bin:$PATH
    /usr/bin/python3 "$here/pages.py" "$ROOT/docs/everyday.md"
}

run_cases "$@"
