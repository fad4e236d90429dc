#!/usr/bin/env bash
# VIPs and Proxy IPs in ARP: answered where they belong, nowhere else; announced after a probe; left alone when somebody else
# has them.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

TAKEN=1.1.1.82
BACK_PIP=2.2.2.254

lab_open arp
network_up
plug switch2 lb 2.2.2.3/24 eth1
serve s1
# Somebody else has one of the VIPs.
host squatter
plug switch squatter "$TAKEN/24"

{
    printf '[agent]\ninterfaces = ["eth0", "eth1"]\n'
    config_pool
    printf '\n[[proxy_pool]]\nname = "back"\naddresses = ["%s"]\n' "$BACK_PIP"
    config_service web "tcp://$VIP:80" 1.1.1.11:80
    config_service taken "tcp://$TAKEN:80" 1.1.1.11:80
    config_service back "tcp://$VIP:81" 2.2.2.11:80 'pool = "back"'
} >"$CONFIG"

lb_mac=$(ip -n "$LAB-lb" -j link show dev eth0 | jq -r '.[0].address')
squatter_mac=$(ip -n "$LAB-squatter" -j link show dev eth0 | jq -r '.[0].address')

announced() { # CAPTURE ADDRESS: somebody said that the address is theirs, unasked
    grep -Eq "(Request who-has $2 .*tell $2,|Reply $2 is-at)" "$LAB_DIR/$1.capture"
}

section "announcements"
capture_start near segment arp
capture_start r1 backside arp
agent_start
check "a neighbour hears that $VIP is here" wait_until 5 announced segment "$VIP"
check "and that $PIP is here" wait_until 5 announced segment "$PIP"
check "the other network hears of $BACK_PIP" wait_until 5 announced backside "$BACK_PIP"
capture_stop segment
capture_stop backside
heard=$(<"$LAB_DIR/segment.capture")
check_match "$VIP was probed before (sender 0.0.0.0)" "who-has $VIP .*tell 0\.0\.0\.0" "$heard"
check_not "$TAKEN was not announced" grep -q "who-has $TAKEN .*tell $TAKEN," "$LAB_DIR/segment.capture"
check_not "the segment heard nothing of $BACK_PIP" announced segment "$BACK_PIP"
check_not "the other network heard nothing of $VIP" announced backside "$VIP"
check_not "nor of $PIP" announced backside "$PIP"

owners() { # HOST ADDRESS: the MACs that answer for it
    at "$1" arping -c 2 -w 2 -I eth0 "$2" 2>/dev/null | grep -oE '([0-9a-f]{2}:){5}[0-9a-f]{2}' | sort -u | tr '\n' ' '
}

section "questions"
check_equal "$VIP is at the load balancer's MAC" "$lb_mac " "$(owners near "$VIP")"
check_equal "$PIP too" "$lb_mac " "$(owners near "$PIP")"
check_equal "$VIP is not answered for on the other network" "" "$(owners r1 "$VIP")"
check_equal "$BACK_PIP is not answered for on the segment" "" "$(owners near "$BACK_PIP")"
check_match "$BACK_PIP is answered for on its own" "^([0-9a-f:]{17} )$" "$(owners r1 "$BACK_PIP")"
check_equal "nobody answers for an address that is nobody's" "" "$(owners near 1.1.1.200)"
check_equal "the host's own address is the host's to answer for" "$lb_mac " "$(owners near 1.1.1.1)"
check "and to be pinged" at near ping -q -c 1 -W 2 1.1.1.1

section "a conflict"
check_equal "only its owner answers for $TAKEN" "$squatter_mac " "$(owners near "$TAKEN")"
warnings=$(lbctl status -o json | jq -r '.warnings[]?')
check_match "status warns of $TAKEN and of who has it" "$TAKEN.*$squatter_mac" "$(tr '\n' ' ' <<<"$warnings")"
check "the log too" grep -q "$TAKEN.*$squatter_mac" "$LAB_DIR/agent.log"
check "the others work" at near curl -sS --max-time 3 "http://$VIP/"
finish
