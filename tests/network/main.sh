#!/usr/bin/env bash
# The main job in one XDP mode, with IPv4 or IPv6: main.sh auto|native|generic [4|6].
FAMILY=${2:-4}
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=${1:-auto}
lab_open "main$FAMILY-$mode"
traffic_up "$mode"
agent_start

status=$(lbctl -o json status)
case $mode in
auto) check_json "XDP runs, native or generic" '.interfaces[0].xdp_mode | . == "native" or . == "generic"' "$status" ;;
*) check_json "XDP runs in $mode mode" ".interfaces[0].xdp_mode == \"$mode\"" "$status" ;;
esac

check_all_traffic

section "without a Proxy IP"
check_without_proxy_ip s1 "$(ip_of 1.1.1.11)" web "$VIP" s2 "$(ip_of 1.1.1.12)"
check_without_proxy_ip far "$(ip_of 3.3.3.3)" remote-web "$REMOTE_VIP" r1 "$(ip_of 2.2.2.11)"

check_host_untouched
check_equal "has an empty ruleset" "" "$(at lb nft list ruleset)"
check_equal "tracks no connection" "0" "$(at lb conntrack -C)"
finish
