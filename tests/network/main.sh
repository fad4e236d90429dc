#!/usr/bin/env bash
# The main job in one XDP mode: main.sh auto|native|generic.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=${1:-auto}
lab_open "main-$mode"
traffic_up "$mode"
agent_start

status=$(lbctl -o json status)
case $mode in
auto) check_json "XDP runs, native or generic" '.interfaces[0].xdp_mode | . == "native" or . == "generic"' "$status" ;;
*) check_json "XDP runs in $mode mode" ".interfaces[0].xdp_mode == \"$mode\"" "$status" ;;
esac

check_all_traffic

section "without a Proxy IP"
check_without_proxy_ip s1 1.1.1.11 web "$VIP" s2 1.1.1.12
check_without_proxy_ip far 3.3.3.3 remote-web "$REMOTE_VIP" r1 2.2.2.11

check_host_untouched
check_equal "has an empty ruleset" "" "$(at lb nft list ruleset)"
check_equal "tracks no connection" "0" "$(at lb conntrack -C)"
finish
