#!/usr/bin/env bash
# The same traffic by proxip and then by nftables DNAT+SNAT on the same host: clients and servers must notice no difference.
# differential.sh auto|native|generic [4|6]
FAMILY=${2:-4}
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=${1:-auto}
lab_open "differential$FAMILY-$mode"
network_up
host away
MTU=$( ((FAMILY == 4)) && echo 1200 || echo 1300)
headers=$( ((FAMILY == 4)) && echo 28 || echo 48)
cable away eth0 far eth1
address away eth0 4.4.4.4/24
address far eth1 4.4.4.1/24
gateway away 4.4.4.1
ip -n "$LAB-router" route add "$(ip_of 4.4.4.0)/$( ((FAMILY == 4)) && echo 24 || echo 64)" via "$(ip_of 3.3.3.3)"
forwarding far
ip -n "$LAB-router" link set dev eth2 mtu "$MTU"
ip -n "$LAB-far" link set dev eth0 mtu "$MTU"
head -c 3000000 /dev/urandom >"$LAB_DIR/blob"
head -c 5000000 /dev/urandom >"$LAB_DIR/upload"
serve s1
server=$(ip_of 1.1.1.11)
{
    config_head "xdp_mode = \"$mode\""
    config_pool
    config_service web "tcp://$(with_port "$VIP" 80)" "$(with_port "$server" 80)"
    config_service names "udp://$(with_port "$VIP" 53)" "$(with_port "$server" 53)"
    config_service closed "tcp://$(with_port "$VIP" 81)" "$(with_port "$server" 81)"
    config_service silent "udp://$(with_port "$VIP" 99)" "$(with_port "$server" 99)"
} >"$CONFIG"

by_nftables() {
    local ip=ip bits=32
    ((FAMILY == 4)) || ip=ip6 bits=128
    address lb eth0 1.1.1.80/$bits
    address lb eth0 1.1.1.254/$bits
    forwarding lb
    at lb sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
    at lb nft -f - <<NFT
table $ip nat {
    chain pre { type nat hook prerouting priority dstnat; $ip daddr $VIP meta l4proto { tcp, udp } dnat to $server; }
    chain post { type nat hook postrouting priority srcnat; $ip daddr $server ct status dnat snat to $PIP; }
}
NFT
}

# One line a question; nothing in it that may differ from run to run.
ask_everything() {
    local who
    for who in s1 near away; do
        echo "$who: web: $(calls "$who" "$VIP" 5 2>&1 | sort | uniq -c)"
        echo "$who: 3 MB: $(call "$who" "$VIP/blob" | sha256sum)"
        echo "$who: 5 MB: $(call "$who" "$VIP/sum" --data-binary "@$LAB_DIR/upload")"
        echo "$who: a closed port: $(at "$who" curl -sS --globoff --max-time 5 "http://$(with_port "$VIP" 81)/" 2>&1 | sed 's/after .*//')"
        echo "$who: questions: $(at "$who" "$HARNESS/ask.py" "$VIP" 53 10 | jq -c '[.answered, .seen]')"
        echo "$who: 4,000 bytes: $(at "$who" "$HARNESS/ask.py" "$VIP" 53 5 4000 | jq -c '[.answered, .seen]')"
        echo "$who: a silent port: $(at "$who" "$HARNESS/ask.py" "$VIP" 99 1 | jq -c '[.answered, .refused]')"
        echo "$who: server closes first: $(for _ in 1 2 3; do call "$who" "$VIP/bye" | cut -d' ' -f1,2; done | sort | uniq -c)"
    done
    echo "away: 1400 bytes: $(at away "$HARNESS/probe_mtu.py" "$VIP" 53 $((1400 - headers)))"
    echo "away: 1,000 bytes: $(at away "$HARNESS/probe_mtu.py" "$VIP" 53 1000 | jq -c '.answer | type')"
}

forget_path_mtus() {
    local name
    for name in s1 near away; do ip -n "$LAB-$name" "-$FAMILY" route flush cache; done
}

section "proxip, then nftables DNAT+SNAT, in $mode mode"
agent_start
ask_everything >"$LAB_DIR/proxip"
agent_kill TERM
# shellcheck disable=SC2046
check "the data plane goes" nsenter --net="$(netns lb)" lbagent $(agent_options) --detach
by_nftables
for name in router s1 near; do ip -n "$LAB-$name" neigh flush all; done
forget_path_mtus
ask_everything >"$LAB_DIR/nftables"
check_number "questions were asked" "$(grep -c : "$LAB_DIR/nftables")" -ge 26
check "the answers are the same" diff "$LAB_DIR/proxip" "$LAB_DIR/nftables"
check_number "and nftables did the second half" "$(at lb conntrack -L 2>/dev/null | grep -c "$VIP" || true)" -ge 1
finish
