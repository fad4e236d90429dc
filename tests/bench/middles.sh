# Whole connections through the load balancer: proxip, nftables and HAProxy in turn, in one laboratory. Sourced by bulk.sh and
# requests.sh, which say what is measured; the ratios are what counts.
#
# No segmentation offload anywhere and no GRO on the load balancer: native XDP excludes TSO on a veth, so the others go without
# it too. Twice: with the ends as they are by default, where proxip goes out by its clsact program, and with GRO on at both
# ends, which makes them take redirected frames. Client, load balancer and server share this host's cores.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/packages.sh"

VIP=10.9.0.80
PROXIES=(10.3.0.{1..4})
SERVER=10.2.0.11
PATH=$PATH:/usr/sbin

# The options of whoever sources this: [--quick] [ROUNDS]
seconds=5
rounds=3
if [[ ${1:-} == --quick ]]; then
    seconds=1
    rounds=1
    shift
fi
rounds=${1:-$rounds}

need_packages demo test bench >&2

plain_frames() { # HOST INTERFACE
    at "$1" ethtool -K "$2" tso off gso off gro off tx-udp-segmentation off >/dev/null 2>&1 || at "$1" ethtool -K "$2" tso off gso off gro off >/dev/null
}

# Each measurement has a network of its own. The TIME_WAIT that it leaves at the server would meet the next one's SYNs, and half of
# those would wait for a second: to Linux their timestamps are older, by the offset that it gives to each pair of ports (since
# March 2026; to each pair of addresses before).
network_up() {
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
}

network_down() {
    local name
    for name in "${LAB_HOSTS[@]}"; do
        # shellcheck disable=SC2046
        kill -TERM $(ip netns pids "$LAB-$name") 2>/dev/null || true
        ip netns del "$LAB-$name"
    done
    LAB_HOSTS=()
    wait
}

ends_gro() { # on|off
    at client ethtool -K eth0 gro "$1"
    at server ethtool -K eth0 gro "$1"
}

# ---- what stands in the middle: NAME_up, NAME_down; from VIP:PORT to SERVER:PORT ----

proxip_up() { # the agent finds the way out
    cat >"$CONFIG" <<TOML
[agent]
interfaces = ["front", "back"]
metrics = ""
[[proxy_pool]]
name = "default"
addresses = [$(printf '"%s",' "${PROXIES[@]}")]
[[service]]
name = "bench"
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
    rm -rf "$STATE"
}

proxip_way() { # redirect or tc
    lbctl explain --from 10.1.0.2:4000 --to "tcp://$VIP:$PORT" --in front -o json | jq -er .next_hop.via
}

nftables_up() {
    at lb nft "table ip bench {
        chain pre { type nat hook prerouting priority dstnat; ip daddr $VIP tcp dport $PORT dnat to $SERVER; }
        chain post { type nat hook postrouting priority srcnat; oifname back snat to ${PROXIES[0]}-${PROXIES[-1]}; }
    }"
}
nftables_down() { at lb nft delete table ip bench; }

haproxy_up() {
    cat >"$LAB_DIR/haproxy.cfg" <<CFG
global
    maxconn 1000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen bench
    bind $VIP:$PORT
    server one $SERVER:$PORT
CFG
    at lb ip addr add $VIP/32 dev lo
    at lb haproxy -db -f "$LAB_DIR/haproxy.cfg" >"$LAB_DIR/haproxy.log" 2>&1 &
    HAPROXY=$!
    wait_until 5 port_open lb "$PORT"
}
haproxy_down() {
    kill -TERM "$HAPROXY"
    wait "$HAPROXY" 2>/dev/null || true
    at lb ip addr del $VIP/32 dev lo
}

# ---- the comparison ----

names=(nftables haproxy proxip)
declare -A titles=([nftables]="nftables DNAT+SNAT" [haproxy]="HAProxy, mode tcp" [proxip]="proxip")
declare -A ends=([off]="stock ends" [on]="ends with GRO")
declare -A ways

# server_start is the script's own. MEASURE prints one figure, and may print counts after it.
compare() { # ROUNDS UNIT MEASURE
    local round gro name result i
    for ((round = 1; round <= $1; round++)); do
        for gro in off on; do
            for ((i = 0; i < ${#names[@]}; i++)); do
                name=${names[(i + round - 1) % ${#names[@]}]} # none has always the same one before it
                network_up
                ends_gro $gro
                server_start
                "${name}_up"
                [[ $name != proxip ]] || ways[$gro]=$(proxip_way)
                result=$("$3")
                "${name}_down"
                network_down
                echo "$result" >>"$LAB_DIR/$name.$gro"
                printf 'round %d  ends with GRO %-3s  %-9s %9.2f %s\n' "$round" $gro "$name" "${result%% *}" "$2" >&2
            done
        done
    done
}

summary() { # TITLE REFERENCE DECIMALS < results, one a line: the median, the spread, the ratio, the sums of the counts
    sort -g | awk -v title="$1" -v reference="$2" -v f="%.$3f" '
        { v[NR] = $1; for (i = 2; i <= NF; i++) sum[i] += $i }
        END {
            m = v[int((NR + 1) / 2)]
            printf "| %s | " f " (" f "-" f ") | %.2f |", title, m, v[1], v[NR], m / reference
            for (i = 2; i <= NF; i++) printf " %d |", sum[i]
            print ""
        }'
}
middle() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

table() { # DECIMALS: the rows of it
    local gro name reference way
    for gro in off on; do
        reference=$(middle <"$LAB_DIR/nftables.$gro")
        for name in "${names[@]}"; do
            way=""
            [[ $name != proxip ]] || way=" (by ${ways[$gro]})"
            summary "${titles[$name]}$way, ${ends[$gro]}" "$reference" "$1" <"$LAB_DIR/$name.$gro"
        done
    done
}
