# A laboratory of network namespaces: hosts, the cables between them, and an agent on one of them. Sourced by the network
# tests and by the examples. Everything made here has a name of its own (the script's and its process id), so that many run
# side by side, and is taken down when the script ends, however it ends.
#
# Hosts are stock: nobody touches offloads, and of the sysctls only the namespaces' own.

set -euo pipefail

PROXIP_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PROXIP_BIN=${PROXIP_BIN:-$PROXIP_ROOT/build/release/bin}
HARNESS=$PROXIP_ROOT/tests/harness

lab_open() { # NAME
    [[ $(id -u) -eq 0 ]] || { echo "$1: must run as root (network namespaces)" >&2; exit 1; }
    LAB=$1-$$
    LAB_HOSTS=()
    LAB_AGENT=""
    LAB_DIR=$(mktemp -d "/tmp/proxip-$LAB.XXXXXX")
    chmod 755 "$LAB_DIR"
    trap lab_close EXIT
    trap 'echo "$0:$LINENO: $BASH_COMMAND: exit $?" >&2' ERR
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    LAB_BPFFS_MOUNT=$LAB_DIR/bpffs
    mkdir "$LAB_BPFFS_MOUNT"
    mount -t bpf "bpf-$LAB" "$LAB_BPFFS_MOUNT"
    CONFIG=$LAB_DIR/lb.toml
    SOCKET=$LAB_DIR/lbagent.sock
    STATE=$LAB_DIR/state
    BPFFS=$LAB_BPFFS_MOUNT/proxip
    export LBCTL_SOCKET=$SOCKET
    export PATH=$PROXIP_BIN:$PATH
}

lab_close() {
    local status=$? host pids
    trap - EXIT
    trap '' INT TERM HUP
    set +e
    if ((status != 0)) && [[ -s $LAB_DIR/agent.log ]]; then
        echo "--- the agent's log, last lines" >&2
        tail -n 30 "$LAB_DIR/agent.log" >&2
    fi
    [[ -z ${PROXIP_KEEP:-} ]] || echo "kept: $LAB_DIR" >&2
    exec 2>/dev/null # the shell's obituaries of what is killed now
    for host in "${LAB_HOSTS[@]}"; do
        pids=$(ip netns pids "$LAB-$host")
        # shellcheck disable=SC2086
        [[ -z $pids ]] || kill -KILL $pids
    done
    # shellcheck disable=SC2046
    kill -TERM $(jobs -p)
    wait
    for host in "${LAB_HOSTS[@]}"; do ip netns del "$LAB-$host"; done
    umount "$LAB_BPFFS_MOUNT"
    [[ -n ${PROXIP_KEEP:-} ]] || rm -rf "$LAB_DIR"
    exit "$status"
}

netns() { echo "/run/netns/$LAB-$1"; } # HOST

# `ip netns exec` would put a fresh /sys over the bpffs.
at() { # HOST COMMAND…
    local host=$1
    shift
    nsenter --net="/run/netns/$LAB-$host" "$@"
}

host() { # NAME…
    local name
    for name in "$@"; do
        ip netns add "$LAB-$name"
        LAB_HOSTS+=("$name")
        ip -n "$LAB-$name" link set dev lo up
    done
}

cable() { # HOST INTERFACE HOST INTERFACE
    ip link add name "$2" netns "$LAB-$1" type veth peer name "$4" netns "$LAB-$3"
    ip -n "$LAB-$1" link set dev "$2" up
    ip -n "$LAB-$3" link set dev "$4" up
}

# FAMILY=6: the same laboratory with IPv6. Addresses are written as in IPv4, and 1.2.3.4 stands for 2001:db8:1::4 (RFC 3849).
FAMILY=${FAMILY:-4}
ip_of() { # 1.2.3.4
    if ((FAMILY == 4)); then echo "$1"; else echo "2001:db8:${1%%.*}::${1##*.}"; fi
}
with_port() { # ADDRESS PORT, as in URLs and configuration files
    if [[ $1 == *:* ]]; then echo "[$1]:$2"; else echo "$1:$2"; fi
}
in_url() { # ADDRESS
    if [[ $1 == *:* ]]; then echo "[$1]"; else echo "$1"; fi
}

address() { # HOST INTERFACE ADDRESS/LENGTH
    if ((FAMILY == 4)); then
        ip -n "$LAB-$1" addr add "$3" dev "$2"
    else # a second of duplicate detection, for addresses that cannot be duplicates
        ip -n "$LAB-$1" addr add "$(ip_of "${3%/*}")/64" dev "$2" nodad
    fi
}

gateway() { # HOST ADDRESS
    ip -n "$LAB-$1" route add default via "$(ip_of "$2")"
}

switch() { # HOST: a bridge of its own in the namespace HOST; plug() puts a host's eth0 on it
    host "$1"
    ip -n "$LAB-$1" link add name br0 type bridge
    ip -n "$LAB-$1" link set dev br0 up
}

plug() { # SWITCH HOST ADDRESS/LENGTH [INTERFACE]
    cable "$2" "${4:-eth0}" "$1" "$2"
    ip -n "$LAB-$1" link set dev "$2" master br0
    address "$2" "${4:-eth0}" "$3"
}

forwarding() { # HOST: make it a router
    at "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# Polls: for what has no event that a shell could wait for. PROXIP_SLOW: how many times slower this machine is (emulation).
wait_until() { # SECONDS COMMAND…
    local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000 * ${PROXIP_SLOW:-1}))
    shift
    until "$@" >/dev/null 2>&1; do
        ((${EPOCHREALTIME/./} < deadline)) || return 1
        sleep 0.05
    done
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

port_open() { # HOST PORT
    [[ -n $(at "$1" ss -Hlnt "sport = :$2") ]]
}

# What arrives at a host, as text, one line a packet. "listening on" is tcpdump's own sign that it captures now.
capture_start() { # HOST NAME FILTER [INTERFACE]
    nsenter --net="$(netns "$1")" tcpdump -Z root -n -l --immediate-mode -i "${4:-eth0}" "$3" \
        >"$LAB_DIR/$2.capture" 2>"$LAB_DIR/$2.capture.err" &
    printf -v "LAB_CAPTURE_$2" '%s' $!
    wait_until 5 grep -q 'listening on' "$LAB_DIR/$2.capture.err" || {
        cat "$LAB_DIR/$2.capture.err" >&2
        return 1
    }
}

capture_stop() { # NAME
    local pid="LAB_CAPTURE_$1"
    kill -TERM "${!pid}" 2>/dev/null || true
    wait "${!pid}" 2>/dev/null || true
}

agent_options() { echo --config "$CONFIG" --socket "$SOCKET" --state-dir "$STATE" --bpffs "$BPFFS"; }

agent_ready() { [[ $(lbctl --timeout "$((2 * ${PROXIP_SLOW:-1}))s" status -o json | jq -r .ready) == true ]]; }

agent_spawn() { # [OPTION…]: without waiting for it
    # shellcheck disable=SC2046
    nsenter --net="$(netns lb)" lbagent $(agent_options) "$@" >>"$LAB_DIR/agent.log" 2>&1 &
    LAB_AGENT=$!
}

agent_start() { # [OPTION…]: on the host lb; returns when it is ready
    agent_spawn "$@"
    if ! wait_until 20 agent_ready_or_gone || ! kill -0 "$LAB_AGENT" 2>/dev/null; then
        echo "the agent did not become ready; its log:" >&2
        tail -n 20 "$LAB_DIR/agent.log" >&2
        return 1
    fi
}

agent_ready_or_gone() { ! kill -0 "$LAB_AGENT" 2>/dev/null || agent_ready; }

agent_kill() { # [SIGNAL]
    kill -"${1:-KILL}" "$LAB_AGENT" 2>/dev/null || true
    wait "$LAB_AGENT" 2>/dev/null || true
    LAB_AGENT=""
}
