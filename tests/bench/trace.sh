#!/usr/bin/env bash
# What lbctl trace costs while it runs: iperf3 through the load balancer without a trace, and beside some; packets a second, and
# how much of a core the agent and lbctl take. As root.
#   tests/bench/trace.sh [ROUNDS]
# Client, load balancer, server, agent and lbctl share this host's cores: what the trace takes, the traffic has not.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/packages.sh"
need_packages demo test bench >&2

rounds=${1:-3}
seconds=5
names=(none client host told flood)
declare -A filters=(
    [client]="--client 1.1.1.99"         # nobody's: known before a packet is carried out
    [host]="--host 1.1.1.99"             # nobody's: compared with the packet as it left, too
    [told]="tcp"                         # every packet, 10,000 a second told
    [flood]="tcp --limit 1000000"        # every packet, all told that can be
)

lab_open trace-cost
network_up
{
    config_head 'metrics = ""'
    config_pool
    config_service bulk "tcp://$VIP:5201" 1.1.1.11:5201
} >"$CONFIG"
at s1 iperf3 -s -p 5201 >"$LAB_DIR/iperf3.server" 2>&1 &
wait_until 5 port_open s1 5201
agent_start

packets() { lbctl -o json stats bulk | jq '.[0].packets | .in + .out'; }
ticks() { # PID: of CPU time
    local line
    line=$(<"/proc/$1/stat")
    # shellcheck disable=SC2086
    set -- ${line##*) }
    echo $((${12} + ${13}))
}
tracing() { grep -q following "$LAB_DIR/trace.err"; }

measure() { # NAME
    local name=$1 tracer="" before_agent before_lbctl=0 after_lbctl=0 from begun spent
    if [[ $name != none ]]; then
        # shellcheck disable=SC2086
        lbctl trace -o json ${filters[$name]} >"$LAB_DIR/trace.out" 2>"$LAB_DIR/trace.err" &
        tracer=$!
        wait_until 5 tracing
        before_lbctl=$(ticks "$tracer")
    fi
    before_agent=$(ticks "$LAB_AGENT")
    from=$(packets)
    begun=${EPOCHREALTIME/./}
    at near iperf3 -c "$VIP" -p 5201 -t "$seconds" >"$LAB_DIR/iperf3.out"
    spent=$((${EPOCHREALTIME/./} - begun))
    jq -n --arg name "$name" "{\$name, packets: (($(packets) - $from) * 1e6 / $spent), agent: (($(ticks "$LAB_AGENT") - $before_agent) * 1e6 / $spent)}" >"$LAB_DIR/one"
    if [[ -n $tracer ]]; then
        after_lbctl=$(ticks "$tracer")
        kill -INT "$tracer"
        wait "$tracer" || true
    fi
    jq -c --argjson lbctl "$(((after_lbctl - before_lbctl) * 1000000 / spent))" \
        --argjson told "$( [[ $name == none ]] && echo 0 || echo $(($(grep -c '"verdict"' "$LAB_DIR/trace.out" || true) * 1000000 / spent)))" \
        '. + {lbctl: $lbctl, told: $told}' "$LAB_DIR/one" >>"$LAB_DIR/all"
}

for ((round = 0; round < rounds; round++)); do
    for name in "${names[@]}"; do measure "$name"; done
done
printf '%-24s %14s %12s %10s %10s\n' "trace (medians of $rounds)" "packets/s" "told/s" "agent" "lbctl"
for name in "${names[@]}"; do
    jq -rs --arg name "$name" 'def median: sort | .[length / 2 | floor];
        map(select(.name == $name)) | [([.[].packets] | median), ([.[].told] | median), ([.[].agent] | median), ([.[].lbctl] | median)] | map(round) | @tsv' \
        "$LAB_DIR/all" | {
        read -r rate told agent lbctl
        printf '%-24s %14s %12s %8s %% %8s %%\n' "${filters[$name]:-none}" "$rate" "$told" "$agent" "$lbctl"
    }
done
