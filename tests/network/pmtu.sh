#!/usr/bin/env bash
# Narrow links: path-MTU discovery in both directions, and the other ICMP errors. pmtu.sh auto|native|generic [4|6].
#
#   away 4.4.4.4 -- far [3.3.3.3] --MTU 1200-- router -- switch: lb, s1, s2          (topology.sh; far is a router here)
#   client 5.5.5.5 -- lb --MTU 1200-- hop -- b1 7.7.7.11                            the narrow link is the load balancer's own
FAMILY=${2:-4}
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=${1:-auto}
MTU=$( ((FAMILY == 4)) && echo 1200 || echo 1300) # IPv6 has no links below 1280
headers=$( ((FAMILY == 4)) && echo 28 || echo 48)
lab_open "pmtu$FAMILY-$mode"
NEAR_VIP=$(ip_of 5.5.5.80)

mtu() { # HOST INTERFACE
    ip -n "$LAB-$1" link set dev "$2" mtu "$MTU"
}

network_up
host away client hop b1
cable away eth0 far eth1
address away eth0 4.4.4.4/24
address far eth1 4.4.4.1/24
gateway away 4.4.4.1
ip -n "$LAB-router" route add "$(ip_of 4.4.4.0)/$( ((FAMILY == 4)) && echo 24 || echo 64)" via "$(ip_of 3.3.3.3)"
forwarding far
mtu router eth2
mtu far eth0

cable client eth0 lb front
cable lb back hop eth0
cable hop eth1 b1 eth0
address client eth0 5.5.5.5/24
address lb front 5.5.5.1/24
address lb back 6.6.6.1/24
address hop eth0 6.6.6.2/24
address hop eth1 7.7.7.1/24
address b1 eth0 7.7.7.11/24
gateway client 5.5.5.1
gateway b1 7.7.7.1
gateway hop 6.6.6.1
forwarding hop
mtu lb back
mtu hop eth0
ip -n "$LAB-lb" route add "$(ip_of 7.7.7.11)" via "$(ip_of 6.6.6.2)"

head -c 3000000 /dev/urandom >"$LAB_DIR/blob"
head -c 5000000 /dev/urandom >"$LAB_DIR/upload"
for name in s1 s2 r1 r2 b1; do serve "$name"; done
{
    printf '[agent]\ninterfaces = ["eth0", "front", "back"]\nxdp_mode = "%s"\n' "$mode"
    config_pool
    printf '[[proxy_pool]]\nname = "back"\naddresses = ["%s"]\n' "$(ip_of 6.6.6.254)"
    config_service web "tcp://$(with_port "$VIP" 80)" "$(servers 1 80)" 'scheduler = "round-robin"'
    config_service names "udp://$(with_port "$VIP" 53)" "$(servers 1 53)"
    config_service silent "udp://$(with_port "$VIP" 99)" "$(servers 1 99)"
    config_service narrow "tcp://$(with_port "$NEAR_VIP" 80)" "$(with_port "$(ip_of 7.7.7.11)" 80)" 'pool = "back"'
    config_service narrow-names "udp://$(with_port "$NEAR_VIP" 53)" "$(with_port "$(ip_of 7.7.7.11)" 53)" 'pool = "back"'
} >"$CONFIG"
agent_start

probe() { # HOST ADDRESS PAYLOAD
    at "$1" "$HARNESS/probe_mtu.py" "$2" 53 "$3"
}

check_narrow() { # WHO VIP
    check_bulk "$1" "$2"
    check_equal "a ${MTU}-byte path: a datagram of 1400 bytes comes back to $1 as EMSGSIZE, with the MTU" \
        "{\"sent\":true,\"answer\":\"EMSGSIZE\",\"mtu\":$MTU}" "$(probe "$1" "$2" $((1400 - headers)) | jq -c .)"
    check_json "one that fits is answered" '.answer | type == "number"' "$(probe "$1" "$2" $((MTU - 100)))"
}

section "a narrow link behind the router, in $mode mode"
check_narrow away "$VIP"
section "the load balancer's own way out is the narrow one"
check_narrow client "$NEAR_VIP"
check_number "packets that were too big are counted" "$(lbctl -o json drops | jq .packet_too_big)" -ge 1

section "ICMP errors about connections"
result=$(at away "$HARNESS/ask.py" "$VIP" 99 5)
check_equal "the port that a backend does not serve is refused to the client, by the VIP" 5 "$(jq .refused <<<"$result")"
route=$(at away traceroute "-$FAMILY" -n -q 1 -w 2 -T -p 80 "$VIP" 2>&1 || true)
check_match "traceroute shows the way, and that it ends at the VIP" \
    "1  $(ip_of 4.4.4.1) .*2  $(ip_of 3.3.3.1) .*3  .*$VIP .*" "$(tr '\n' ' ' <<<"$route")"
finish
