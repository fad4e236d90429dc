#!/usr/bin/env bash
# New connections through the load balancer: wrk asks nginx, each request on a connection of its own and answered by three bytes,
# by proxip, nftables and HAProxy in turn (middles.sh). As root. Fails when wrk saw an error.
#   tests/bench/requests.sh [--quick] [ROUNDS]
source "$(dirname "${BASH_SOURCE[0]}")/middles.sh"

PORT=80
CONNECTIONS=64 # at a time

# One client address: 28,000 ports, each held for a minute by TIME_WAIT where the client closed first, would end a run after
# some seconds. So the server closes (keepalive_timeout 0), and because the client is sometimes faster, and HAProxy is the
# server's client, both have all ports and take one again that has been in TIME_WAIT for a second. SYNs that were sent again
# would tell of a port that was still taken.
many_ports() {
    local name
    for name in client lb; do
        at $name sysctl -qw net.ipv4.ip_local_port_range="1024 65535" net.ipv4.tcp_tw_reuse=1
    done
}

server_start() {
    local folder=$LAB_DIR/nginx
    many_ports
    mkdir -p "$folder"
    cat >"$folder/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $folder/nginx.pid;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_timeout 0;
    server {
        listen $PORT backlog=4096;
        default_type text/plain;
        location / { return 200 "ok\n"; }
    }
}
CONF
    at server nginx -p "$folder" -e "$folder/error.log" -c "$folder/nginx.conf" >"$folder/out" 2>&1 &
    wait_until 5 port_open server $PORT || { cat "$folder/error.log" >&2; return 1; }
}

client_script() {
    cat >"$LAB_DIR/wrk.lua" <<'LUA'
wrk.headers["Connection"] = "close"
function done(summary)
    local e = summary.errors
    io.stderr:write(string.format("%.1f %d\n", summary.requests * 1e6 / summary.duration,
                                  e.connect + e.read + e.write + e.status + e.timeout))
end
LUA
}

syns_again() { at client nstat -asz TcpExtTCPSynRetrans | awk '$1 == "TcpExtTCPSynRetrans" { print $2 }'; }

requests() { # prints requests a second, errors, and SYNs that were sent again
    local result
    result=$(at client timeout $((seconds + 20)) \
        wrk -t 1 -c $CONNECTIONS -d "${seconds}s" -s "$LAB_DIR/wrk.lua" "http://$VIP:$PORT/" 2>&1 >"$LAB_DIR/wrk.out") ||
        { echo "wrk: $result" >&2; return 1; }
    echo "$result $(syns_again)"
}

errors() { cat "$LAB_DIR"/{nftables,haproxy,proxip}.{off,on} | awk '{ sum += $2 } END { print sum }'; }

lab_open requests
client_script
compare "$rounds" requests/s requests
printf '| new connections, wrk | requests/s (min-max) | x nftables | errors | SYNs sent again |\n|---|---|---|---|---|\n'
table 0
if [[ $(errors) != 0 ]]; then
    echo "wrk saw errors" >&2
    exit 1
fi
