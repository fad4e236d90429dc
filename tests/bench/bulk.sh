#!/usr/bin/env bash
# Bulk TCP through the load balancer, at MTU-sized frames: iperf3 by proxip, nftables and HAProxy in turn (middles.sh). As root.
#   tests/bench/bulk.sh [--quick] [ROUNDS]
source "$(dirname "${BASH_SOURCE[0]}")/middles.sh"

PORT=5201

server_start() {
    at server iperf3 -s -p $PORT >"$LAB_DIR/iperf3.server" 2>&1 &
    wait_until 5 port_open server $PORT
}

gigabits() { # prints Gb/s that arrived
    at client timeout $((seconds + 20)) iperf3 -c $VIP -p $PORT -t "$seconds" -J >"$LAB_DIR/iperf3.json"
    jq -er '.end.sum_received.bits_per_second / 1e9' "$LAB_DIR/iperf3.json"
}

lab_open bulk
compare "$rounds" Gb/s gigabits
printf '| bulk TCP, one connection | Gb/s (min-max) | x nftables |\n|---|---|---|\n'
table 2
