#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The exporter's page in a real browser (Chromium), in a namespace from which nothing else can be
# reached. Run by scripts/test-all; needs `scripts/setup --all`.
#   PM_SCREENSHOT=FILE   keeps the picture
#   PM_PHONE=FILE        that of a narrow window
#   PM_SECONDS=N         looks that long (8)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

URL=http://127.0.0.1:9927/

# SECONDS [WIDTH [SCRIPT]]: opens the page for this time. Leaves its text in $LAB/dom, a picture, and its errors in
# $LAB/log/browser.
browse() {
    in_ns edge /usr/bin/python3 "$here/browser.py" 9222 "$URL" "$1" "$LAB/page.png" "${@:2}" \
        >"$LAB/dom" 2>"$LAB/log/browser"
}

start_browser() {
    lab_start edge chromium env HOME="$LAB" chromium --headless=new --no-sandbox --disable-gpu \
        --disable-dev-shm-usage --disable-background-networking --disable-component-update \
        --no-first-run --user-data-dir="$LAB/chromium" --remote-debugging-port=9222 \
        --hide-scrollbars --window-size=1400,1000 about:blank
    lab_await edge tcp 9222
}

page_text() { sed 's/<[^>]*>/\n/g' "$LAB/dom" | grep -v '^[[:space:]]*$'; }

page_has() {
    page_text | grep -xF -- "$1" >/dev/null || { echo "the page does not say '$1'"; page_text | head -n 60; return 1; }
}

case_the_matrix_is_in_force() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml"
    lab_start edge watch "$PORTMATRIX" watch
    lab_start edge exporter "$PORTMATRIX" export --interval 1s
    lab_await edge tcp 9927
    pings user "$EDGE4" 30
    stun_talks messenger "$EDGE4"
    tls_talks user "$EDGE4" 443
    refused tcp_talks attacker "$EDGE4" 22
}

case_the_browser_shows_what_status_says() {
    # Something happens while the page looks.
    lab_start user load ping -q -i 0.05 -s 1000 "$EDGE4"
    lab_start messenger load2 sh -c "while :; do turnutils_stunclient -p 3478 $EDGE4; sleep 0.2; done"
    lab_start attacker load3 nmap -n -Pn -sS -p 1-9000 --max-rate 60 "$EDGE4"
    start_browser
    browse "${PM_SECONDS:-8}"
    local row
    pm status --json >"$LAB/status"
    while read -r row; do
        page_has "$row"
    done < <(jq -r '.rows[].id, .policy.name, .drops[].reason, .interface' "$LAB/status")
    page_has "xdp, native"
    page_has enforce
    page_has no-service
    grep -q '<path d="M' "$LAB/dom" || { echo "no graph has two points"; return 1; }
    refused grep -q 'class="alarm"' "$LAB/dom"
}

case_nothing_breaks_the_content_security_policy() {
    expect_equal "" "$(cat "$LAB/log/browser")" "what the browser complains of"
    in_ns edge curl -sSI "$URL" >"$LAB/headers"
    grep -qi "^content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'" "$LAB/headers"
    grep -qi '^x-content-type-options: nosniff' "$LAB/headers"
    # Nothing comes from another host, and no script or style is inline.
    refused grep -E '(src|href)="(https?:)?//' "$ROOT"/loader/export/page/*
    refused grep -E '<script>|<style|style=|onclick=' "$ROOT/loader/export/page/index.html"
}

case_a_picture() {
    [ "$(head -c 8 "$LAB/page.png" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]
    [ -z "${PM_SCREENSHOT:-}" ] || cp "$LAB/page.png" "$PM_SCREENSHOT"
}

case_on_a_phone_the_page_is_no_wider() {
    browse 4 390 'document.documentElement.scrollWidth'
    [ -z "${PM_PHONE:-}" ] || cp "$LAB/page.png" "$PM_PHONE"
    expect_equal "result: 390" "$(head -n 1 "$LAB/dom")" "how wide the page is"
    page_has access-sip-mtls-in
}

case_the_filter_leaves_what_has_the_word() {
    browse 4 1400 'document.dispatchEvent(new KeyboardEvent("keydown", { key: "/" }));
        const box = document.activeElement;
        box.value = "NO-SERVICE";
        box.dispatchEvent(new Event("input"));
        [...document.querySelectorAll("tbody tr:not([hidden]) th")].map((one) => one.textContent).join()'
    expect_equal "result: no-service" "$(head -n 1 "$LAB/dom")" "what is left"
    page_has "$(in_ns edge uname -n)"
}

case_the_page_says_what_comes_back() {
    expect_status 0 pm apply -i eth0 "$here/edge.yaml" --mode audit --confirm-within 300s
    browse 4
    page_text | grep -qE '^WILL ROLL BACK to generation 1 \(.*\) in 4m[0-9]+s unless: portmatrix confirm$' ||
        { page_text | head -n 20; return 1; }
    expect_status 0 pm rollback
}

case_the_page_says_that_nothing_is_attached() {
    expect_status 0 pm detach --all
    browse 4
    page_has "nothing is attached: this host is unfiltered"
    grep -q 'class="alarm"' "$LAB/dom"
}

lab_make
trap 'lab_remove "$LAB"' EXIT
lab_services
run_cases "$@"
