# The network that the tests play in. Sourced after lab.sh.
#
#   segment 1.1.1.0/24 (switch):   lb .1   router .2   s1 .11   s2 .12   near .100
#   behind the router:             2.2.2.0/24 (switch2): r1 .11   r2 .12        3.3.3.0/24: far 3.3.3.3
#
# s1 and s2 share a segment with the load balancer; r1 and r2 answer a client past it unless their answers are brought back.

VIP=$(ip_of 1.1.1.80)
REMOTE_VIP=$(ip_of 1.1.1.81)
PIP=$(ip_of 1.1.1.254)

network_up() {
    switch switch
    switch switch2
    host lb router s1 s2 near r1 r2 far
    plug switch lb 1.1.1.1/24
    plug switch router 1.1.1.2/24
    plug switch s1 1.1.1.11/24
    plug switch s2 1.1.1.12/24
    plug switch near 1.1.1.100/24
    plug switch2 router 2.2.2.1/24 eth1
    plug switch2 r1 2.2.2.11/24
    plug switch2 r2 2.2.2.12/24
    cable router eth2 far eth0
    address router eth2 3.3.3.1/24
    address far eth0 3.3.3.3/24
    forwarding router
    local name
    for name in lb s1 s2 near; do gateway "$name" 1.1.1.2; done
    for name in r1 r2; do gateway "$name" 2.2.2.1; done
    gateway far 3.3.3.1
}

serve() { # HOST [OPTION…]
    local name=$1
    shift
    nsenter --net="$(netns "$name")" "$HARNESS/server.py" --name "$name" --family "$FAMILY" --log "$LAB_DIR/$name.log" \
        --blob "$LAB_DIR/blob" "$@" 2>>"$LAB_DIR/$name.err" &
    eval "SERVER_$name=\$!"
    : >>"$LAB_DIR/$name.log"
    wait_until 10 port_open "$name" 80 || { echo "$name: the server does not listen" >&2; cat "$LAB_DIR/$name.err" >&2; return 1; }
}

serve_stop() { # HOST
    local pid="SERVER_$1"
    kill -KILL "${!pid}"
    wait "${!pid}" 2>/dev/null || true
}

# The beginning of every configuration file; the services follow.
config_head() { # [KEY = VALUE of [agent] …]
    printf '[agent]\ninterfaces = ["eth0"]\n'
    printf '%s\n' "$@"
}

config_pool() { # [PORTS]
    printf '\n[[proxy_pool]]\nname = "default"\naddresses = ["%s"]\nports = "%s"\n' "$PIP" "${1:-1024-65535}"
}

config_service() { # NAME ADDRESS BACKEND[,BACKEND…] [KEY = VALUE …]
    local name=$1 address=$2 backends=$3 backend
    shift 3
    printf '\n[[service]]\nname = "%s"\naddress = "%s"\n' "$name" "$address"
    printf '%s\n' "$@"
    for backend in ${backends//,/ }; do printf '[[service.backend]]\naddress = "%s"\n' "$backend"; done
}
