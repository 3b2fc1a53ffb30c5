# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the status of the Edge says, one figure at a time. Sourced by lab.sh. Where another portmatrix
# is asked, as in vagrant/steps.sh, `status` is defined anew.

status() { pm status --json "$@"; }
read_status() { status >"$LAB/status"; }

# The name of the policy in force; all names if the interfaces differ.
policy_in_force() { status | jq -rs 'map(.policy.name) | unique | join(" ")'; }
policy_is() { [ "$(policy_in_force)" = "$1" ]; }
generation_in_force() { status | jq .policy.generation; }
generation_is() { [ "$(generation_in_force)" = "$1" ]; }

# Generation, name and mode, as "2 one enforce".
state_in_force() { status | jq -r '"\(.policy.generation) \(.policy.name) \(.mode)"'; }
state_is() { [ "$(state_in_force)" = "$1" ]; }

drift() { status | jq -r .drift; } # of each interface
drift_of() { status -i "$1" | jq -r .drift; } # INTERFACE

row_count() { # ID FIELD [FILE]: of the status now, or of one that was written to FILE ("-": stdin)
    if [ $# -gt 2 ]; then cat "$3"; else status; fi |
        jq -e --arg id "$1" --arg field "$2" '.rows[] | select(.id == $id) | .[$field]'
}

drop_count() { # in|out|any REASON|any [FIELD]: packets that were dropped, or the sum of another field
    status | jq --arg direction "$1" --arg reason "$2" --arg field "${3:-packets}" \
        '[.drops[] | select(($direction == "any" or .direction == $direction) and
                            ($reason == "any" or .reason == $reason)) | .[$field]] | add // 0'
}
