#!/usr/bin/env bash
# Links of 9,000 bytes: native XDP with frames that lie in several pages. jumbo.sh auto|native|generic [4|6].
FAMILY=${2:-4}
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=${1:-native}
MTU=9000
lab_open "jumbo$FAMILY-$mode"
traffic_up "$mode"
for name in lb s1 s2 near; do
    ip -n "$LAB-$name" link set dev eth0 mtu "$MTU"
    ip -n "$LAB-switch" link set dev "$name" mtu "$MTU"
done
agent_start

check_large() { # WHO
    local size result
    check_bulk "$1" "$VIP"
    for size in 1400 3600 5000 8900; do
        result=$(at "$1" "$HARNESS/ask.py" "$VIP" 53 10 "$size")
        check_equal "$1 gets 10 of 10 datagrams of $size bytes answered" 10 "$(jq .answered <<<"$result")"
    done
}

section "a segment of $MTU bytes, in $mode mode"
[[ $mode == auto ]] && mode=native
check_json "XDP runs in $mode mode" ".interfaces[0].xdp_mode == \"$mode\"" "$(lbctl -o json status)"
capture_start s1 whole "udp and port 53 and greater 5000"
check_large near
check_large s1
capture_stop whole
check_number "datagrams arrive in one piece" "$(wc -l <"$LAB_DIR/whole.capture")" -ge 10

section "a new agent takes the programs over"
agent_kill
agent_start
check_large near
check_json "in the same mode" ".interfaces[0].xdp_mode == \"$mode\"" "$(lbctl -o json status)"
drops=$(lbctl -o json drops)
check_json "nothing was dropped" '[.[]] | add == 0' "$drops"
agent_kill TERM
check "lbagent --detach takes everything down" at lb lbagent $(agent_options) --detach
check_equal "nothing is left on the interface" "" "$(ip -n "$LAB-lb" -details link show dev eth0 | grep -o 'xdp.*' || true)"
finish
