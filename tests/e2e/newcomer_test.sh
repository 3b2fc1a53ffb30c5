#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What somebody types who has not read the manual, in this order: exit status, command, and the first line
# that it says ("…" stands for any text). Policies of the lab: good.yaml, and edits of it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/lab.sh
. "$here/lab.sh"
# shellcheck source=tests/e2e/cases.sh
. "$here/cases.sh"

# MISTAKES: lines "STATUS | COMMAND | FIRST LINE".
answered() {
    local status command line said code wrong=0 number=0
    while IFS='|' read -r status command line; do
        command=${command## } command=${command%% }
        number=$((number + 1)) code=0
        said=$(in_ns edge env PATH="$LAB/bin:$PATH" bash -c "cd $LAB/files; $command" 2>&1) || code=$?
        said=${said%%$'\n'*}
        # shellcheck disable=SC2053 # a pattern
        if [ "$code" -ne "$status" ] || [[ $said != ${line//…/*} ]]; then
            printf '%s | %s |%s\n' "$code" "$command" "$said"
            wrong=1
        fi
    done
    echo "# $number commands"
    return "$wrong"
}

# A pattern has a blank before it, as the first line has none.
answers() { sed 's/^ *//; s/| /|/2' | answered; }

case_before_anything_is_in_force() {
    answers <<'END'
2 | portmatrix | portmatrix: error: no command is named
0 | portmatrix help | firewall for edge hosts of real-time communication…
0 | portmatrix help apply | put a policy in force; attach if needed
0 | portmatrix ban help | drop what comes from or goes to a prefix, at once
2 | portmatrix aply good.yaml | portmatrix: error: 'aply' is no command
2 | portmatrix status --jsn | portmatrix: error: '--jsn' is no option of status
2 | portmatrix check good.yaml other.yaml | portmatrix: error: 'other.yaml' is one word too many for check
1 | portmatrix apply nosuch.yaml | portmatrix: error: cannot read policy 'nosuch.yaml': no such file or directory (ENOENT)
2 | portmatrix apply -i good.yaml | portmatrix: error: 'good.yaml' is a file, and no interface
1 | portmatrix apply -i eth9 good.yaml | portmatrix: error: there is no interface 'eth9'
2 | portmatrix apply good.yaml | portmatrix: error: no interface is named and none is attached
0 | portmatrix status | portmatrix: no policy is in force; nothing is filtered
1 | setpriv --reuid nobody --clear-groups portmatrix status | portmatrix: error: cannot reach the programs in the kernel: only root may (EPERM)
1 | portmatrix show | portmatrix: error: no policy is in force
1 | portmatrix confirm | portmatrix: error: no policy is in force
2 | portmatrix detach | portmatrix: error: name the interfaces with -i, or say --all
0 | portmatrix check - <good.yaml | ROW …
3 | portmatrix check lync-2013-public-im | ROW …
3 | portmatrix check typo.yaml | typo.yaml:3:1: error: a policy file has no key 'includ'
3 | portmatrix check tab.yaml | tab.yaml:3:1: error: a tab in the indentation
3 | portmatrix check prefix.yaml | prefix.yaml:…: error: '203.0.113.10/24' has host bits set: a role is this host's own addresses
3 | portmatrix check loose.yaml >/dev/null | loose.yaml:…: error: expected pass by row 'access-sip-mtls-in', but tcp 198.51.100.7:40000 -> 203.0.113.10:5062 is dropped (no-service)
4 | portmatrix apply -i eth0 elsewhere.yaml | portmatrix: error: no address of eth0 is in a role: nothing would pass there but essentials; it has 203.0.113.10, 2001:db8:10::10
2 | portmatrix apply -i eth0 good.yaml --confirm-within 60 | portmatrix: error: '60' is no duration
END
}

case_while_a_policy_waits_and_afterwards() {
    answers <<'END'
0 | portmatrix apply -i eth0 good.yaml --confirm-within 600s | portmatrix: generation 1 (contoso-edge) is in force on eth0
4 | portmatrix apply -i eth0 good.yaml | portmatrix: error: generation 1 waits to be confirmed, for … s more
0 | portmatrix confirm | portmatrix: generation 1 (contoso-edge) is in force on eth0
1 | portmatrix confirm | portmatrix: error: nothing waits to be confirmed
1 | portmatrix rollback | portmatrix: error: there is no generation before this one
0 | portmatrix apply good.yaml | portmatrix: nothing changed: generation 1 (contoso-edge) is in force on eth0
2 | portmatrix ban sbc.example.com | portmatrix: error: 'sbc.example.com' is not an IPv4 or IPv6 address
4 | portmatrix ban 0.0.0.0/0 | portmatrix: error: 0.0.0.0/0 is too wide to ban: at most /8
0 | portmatrix unban 192.0.2.67 | portmatrix: 192.0.2.67 was not banned
2 | portmatrix monitor --reason drop | portmatrix: error: there is no drop reason 'drop'
2 | portmatrix show --generation 99 | portmatrix: error: generation 99 is not kept; these are: 1
2 | portmatrix detach -i eth9 | portmatrix: error: nothing is attached to 'eth9'
END
}

lab_base
trap 'lab_remove "$LAB"' EXIT
lab_host edge "$EDGE4" "$EDGE6"
mkdir "$LAB/bin" "$LAB/files"
ln -s "$PORTMATRIX" "$LAB/bin/portmatrix"
chmod 755 "$LAB" "$LAB/bin" # nobody looks too
(
    cd "$LAB/files"
    sed 's/203.0.113.138, //' "$here/edge.yaml" >good.yaml
    sed 's/^include/includ/' good.yaml >typo.yaml
    printf 'policy: a\nmatrix:\n\t- id: x\n' >tab.yaml
    sed 's|access: \[203.0.113.10, |&203.0.113.10/24, |' good.yaml >prefix.yaml
    sed 's/tcp: 5061, verdict: pass/tcp: 5062, verdict: pass/' good.yaml >loose.yaml
    sed 's/access: \[.*/access: [203.0.113.99]/; /^expect/,$d' good.yaml >elsewhere.yaml
)
run_cases "$@"
