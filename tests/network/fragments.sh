#!/usr/bin/env bash
# Datagrams in pieces, both ways, from two clients at once. fragments.sh auto|native|generic [4|6].
FAMILY=${2:-4}
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=${1:-auto}
lab_open "fragments$FAMILY-$mode"
traffic_up "$mode"
agent_start

ask_both() { # SIZE
    at s1 "$HARNESS/ask.py" "$VIP" 53 30 "$1" >"$LAB_DIR/s1.asked" &
    local first=$!
    at near "$HARNESS/ask.py" "$VIP" 53 30 "$1" >"$LAB_DIR/near.asked"
    wait "$first"
}

section "fragmented datagrams, in $mode mode"
for size in 4000 9000; do
    ask_both "$size"
    for who in s1 near; do
        check_equal "$who gets 30 of 30 questions of $size bytes answered whole" 30 "$(jq .answered "$LAB_DIR/$who.asked")"
        check_equal "servers see $PIP asking for $who" "[\"$PIP\"]" "$(jq -c .seen "$LAB_DIR/$who.asked")"
    done
done
check_equal "far gets 30 of 30 through routers" 30 "$(at far "$HARNESS/ask.py" "$REMOTE_VIP" 53 30 4000 | jq .answered)"
drops=$(lbctl -o json drops)
check_json "none came before its first piece" '.fragment_before_first == 0' "$drops"
finish
