#!/usr/bin/env bash
# Bulk TCP through the load balancer, at MTU-sized frames: iperf3 by proxip, nftables and HAProxy in turn; the ratios are what
# counts. As root.
#   tests/bench/bulk.sh [--quick] [ROUNDS]
# No segmentation offload anywhere and no GRO on the load balancer: native XDP excludes TSO on a veth, so the others go without
# it too. Twice: with the ends as they are by default, where proxip goes out by its clsact program, and with GRO on at both
# ends, which makes them take redirected frames. Client, load balancer and server share this host's cores.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"

VIP=10.9.0.80
PROXY=10.3.0.1
SERVER=10.2.0.11
PORT=5201
seconds=5
rounds=3
if [[ ${1:-} == --quick ]]; then
    seconds=1
    rounds=1
    shift
fi
rounds=${1:-$rounds}

source "$(dirname "${BASH_SOURCE[0]}")/../harness/packages.sh"
need_packages demo test bench >&2
PATH=$PATH:/usr/sbin

plain_frames() { # HOST INTERFACE
    at "$1" ethtool -K "$2" tso off gso off gro off tx-udp-segmentation off >/dev/null 2>&1 || at "$1" ethtool -K "$2" tso off gso off gro off >/dev/null
}

network() {
    host client lb server
    cable client eth0 lb front
    cable server eth0 lb back
    address client eth0 10.1.0.2/24
    address lb front 10.1.0.1/24
    address lb back 10.2.0.1/24
    address server eth0 $SERVER/24
    gateway client 10.1.0.1
    gateway server 10.2.0.1
    at lb sysctl -qw net.ipv4.ip_forward=1
    local end
    for end in "client eth0" "lb front" "lb back" "server eth0"; do
        # shellcheck disable=SC2086
        plain_frames $end
    done
    at server iperf3 -s -p $PORT >"$LAB_DIR/iperf3.server" 2>&1 &
    wait_until 5 port_open server $PORT
}

# ---- what stands in the middle: NAME_up, NAME_down ----

proxip_up() { # the agent finds the way out
    cat >"$CONFIG" <<TOML
[agent]
interfaces = ["front", "back"]
metrics = ""
[[proxy_pool]]
name = "default"
addresses = ["$PROXY"]
[[service]]
name = "bulk"
address = "tcp://$VIP:$PORT"
[[service.backend]]
address = "$SERVER:$PORT"
TOML
    agent_start "$@"
}
proxip_down() {
    agent_kill TERM
    # shellcheck disable=SC2046
    at lb lbagent $(agent_options) --detach >>"$LAB_DIR/agent.log" 2>&1
}

proxip_way() { # redirect or tc
    lbctl explain --from 10.1.0.2:4000 --to tcp://$VIP:$PORT --in front -o json | jq -er .next_hop.via
}

nftables_up() {
    at lb nft "table ip bulk {
        chain pre { type nat hook prerouting priority dstnat; ip daddr $VIP tcp dport $PORT dnat to $SERVER; }
        chain post { type nat hook postrouting priority srcnat; oifname back snat to $PROXY; }
    }"
    at server ip route replace $PROXY via 10.2.0.1
}
nftables_down() { at lb nft delete table ip bulk; }

haproxy_up() {
    cat >"$LAB_DIR/haproxy.cfg" <<CFG
global
    maxconn 1000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen bulk
    bind $VIP:$PORT
    server one $SERVER:$PORT
CFG
    at lb ip addr add $VIP/32 dev lo
    at lb haproxy -db -f "$LAB_DIR/haproxy.cfg" >"$LAB_DIR/haproxy.log" 2>&1 &
    HAPROXY=$!
    wait_until 5 port_open lb $PORT
}
haproxy_down() {
    kill -TERM "$HAPROXY"
    wait "$HAPROXY" 2>/dev/null || true
    at lb ip addr del $VIP/32 dev lo
}

gigabits() { # prints Gb/s that arrived
    at client timeout $((seconds + 20)) iperf3 -c $VIP -p $PORT -t "$seconds" -J >"$LAB_DIR/iperf3.json"
    jq -er '.end.sum_received.bits_per_second / 1e9' "$LAB_DIR/iperf3.json"
}

ends_gro() { # on|off
    at client ethtool -K eth0 gro "$1"
    at server ethtool -K eth0 gro "$1"
}

summary() { # TITLE REFERENCE < speeds, one a line: the median, the spread and the ratio
    sort -g | awk -v title="$1" -v reference="$2" '
        { v[NR] = $1 }
        END { m = v[int((NR + 1) / 2)]; printf "| %s | %.2f (%.2f-%.2f) | %.2f |\n", title, m, v[1], v[NR], m / reference }'
}
middle() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

lab_open bulk
network
names=(nftables haproxy proxip)
declare -A ways
for ((round = 1; round <= rounds; round++)); do
    for gro in off on; do
        ends_gro $gro
        for name in "${names[@]}"; do
            "${name}_up"
            [[ $name != proxip ]] || ways[$gro]=$(proxip_way)
            speed=$(gigabits)
            "${name}_down"
            echo "$speed" >>"$LAB_DIR/$name.$gro"
            printf 'round %d  ends with GRO %-3s  %-9s %6.2f Gb/s\n' "$round" $gro "$name" "$speed" >&2
        done
    done
done

declare -A titles=([nftables]="nftables DNAT+SNAT" [haproxy]="HAProxy, mode tcp" [proxip]="proxip")
declare -A ends=([off]="stock ends" [on]="ends with GRO")
printf '| bulk TCP, one connection | Gb/s (min-max) | x nftables |\n|---|---|---|\n'
for gro in off on; do
    reference=$(middle <"$LAB_DIR/nftables.$gro")
    for name in "${names[@]}"; do
        way=""
        [[ $name != proxip ]] || way=" (by ${ways[$gro]})"
        summary "${titles[$name]}$way, ${ends[$gro]}" "$reference" <"$LAB_DIR/$name.$gro"
    done
done
