# What must work whatever the mode and the host's own settings: shared by main.sh and hostile_host.sh. Sourced after
# topology.sh and check.sh.

traffic_config() { # MODE
    config_head "xdp_mode = \"$1\""
    config_pool
    config_service web "tcp://$(with_port "$VIP" 80)" "$(servers 1 80)" 'scheduler = "round-robin"'
    config_service names "udp://$(with_port "$VIP" 53)" "$(servers 1 53)" 'scheduler = "round-robin"'
    config_service remote-web "tcp://$(with_port "$REMOTE_VIP" 80)" "$(servers 2 80)" 'scheduler = "round-robin"'
    config_service remote-names "udp://$(with_port "$REMOTE_VIP" 53)" "$(servers 2 53)"
}

servers() { # NETWORK PORT: both of them
    echo "$(with_port "$(ip_of "$1.$1.$1.11")" "$2"),$(with_port "$(ip_of "$1.$1.$1.12")" "$2")"
}

traffic_up() { # MODE
    network_up
    head -c 3000000 /dev/urandom >"$LAB_DIR/blob"
    head -c 5000000 /dev/urandom >"$LAB_DIR/upload"
    serve s1
    serve s2
    serve r1
    serve r2
    traffic_config "$1" >"$CONFIG"
}

call() { # HOST ADDRESS[/PATH] [CURL-OPTION…]
    local from=$1 host=${2%%/*} path=${2#*/}
    [[ $2 == */* ]] || path=
    shift 2
    at "$from" curl -sS --globoff --noproxy '*' --connect-timeout 2 --max-time 20 "$@" "http://$(in_url "$host")/$path"
}

calls() { # HOST ADDRESS COUNT: each on a connection of its own; the answers, without the port
    local i
    for ((i = 0; i < $3; i++)); do call "$1" "$2/" | cut -d' ' -f1,2 || true; done
}

check_web() { # WHO VIP FIRST SECOND: 20 of 20, both servers, and both saw the Proxy IP
    local answers
    answers=$(calls "$1" "$2" 20 2>&1)
    check_equal "$1 reaches $2 20 times of 20, servers see $PIP" 20 "$(grep -cE "^($3|$4) $PIP\$" <<<"$answers")"
    check_match "$1 gets answers of $3 and of $4" "$3.*$4|$4.*$3" "$(sort -u <<<"$answers" | tr '\n' ' ')"
}

check_bulk() { # WHO VIP
    local expected
    expected=$(sha256sum <"$LAB_DIR/blob" | cut -d' ' -f1)
    check_equal "$1 gets 3 MB from $2, unharmed" "$expected" "$(call "$1" "$2/blob" | sha256sum | cut -d' ' -f1)"
    expected=$(sha256sum <"$LAB_DIR/upload" | cut -d' ' -f1)
    check_equal "$1 sends 5 MB to $2, unharmed" "$expected" "$(call "$1" "$2/sum" --data-binary "@$LAB_DIR/upload")"
}

check_udp() { # WHO VIP
    local result
    result=$(at "$1" "$HARNESS/ask.py" "$2" 53 50)
    check_number "$1 gets 49 of 50 UDP questions answered by $2" "$(jq .answered <<<"$result")" -ge 49
    check_equal "servers see $PIP asking for $1" "[\"$PIP\"]" "$(jq -c .seen <<<"$result")"
    result=$(at "$1" "$HARNESS/ask.py" "$2" 53 10 1200)
    check_number "$1 gets long UDP questions answered by $2" "$(jq .answered <<<"$result")" -ge 9
}

check_ping() { # WHO ADDRESS…
    local who=$1 target
    shift
    for target in "$@"; do
        check "$who pings $target" at "$who" ping -q -c 3 -i 0.2 -W 2 "$target"
    done
}

# The same call without the Proxy IP: the answer goes past the load balancer.
check_without_proxy_ip() { # WHO CLIENT-ADDRESS SERVICE VIP SERVER SERVER-ADDRESS
    local log i before
    check "lbctl service set $3 --snat never" lbctl service set "$3" --snat never
    capture_start "$5" without "tcp dst port 80"
    before=$(grep -c "^http" "$LAB_DIR/$5.log" || true)
    for i in 1 2 3 4; do
        check_not "without a Proxy IP $1's call to $4 fails ($i of 4)" call "$1" "$4/" --connect-timeout 1.2
    done
    capture_stop without
    log=$(<"$LAB_DIR/without.capture")
    check_match "$5 was called by $1's own address" "$2\.[0-9]+ > $6\.80: Flags \[S" "$log"
    check_equal "$5 served none of it" "$before" "$(grep -c "^http" "$LAB_DIR/$5.log" || true)"
    check "lbctl service set $3 --snat always" lbctl service set "$3" --snat always
    check "with a Proxy IP again it works" call "$1" "$4/"
}

check_all_traffic() {
    section "one segment: a server calls its own VIP"
    check_web s1 "$VIP" s1 s2
    check_bulk s1 "$VIP"
    check_udp s1 "$VIP"
    check_ping s1 "$VIP" "$PIP"
    section "one segment: another host"
    check_web near "$VIP" s1 s2
    check_bulk near "$VIP"
    check_udp near "$VIP"
    check_ping near "$VIP" "$PIP"
    section "servers on another network, a client on a third"
    check_web far "$REMOTE_VIP" r1 r2
    check_bulk far "$REMOTE_VIP"
    check_udp far "$REMOTE_VIP"
    check_ping far "$REMOTE_VIP" "$PIP"
    section "servers on another network, one of them calls"
    check_web r1 "$REMOTE_VIP" r1 r2
    check_bulk r1 "$REMOTE_VIP"
}

# The load balancer's host has nothing to do with it.
check_host_untouched() {
    section "the load balancer's host"
    check_equal "has its own address and no other" "$(ip_of 1.1.1.1)" \
        "$(ip -n "$LAB-lb" -j "-$FAMILY" addr show dev eth0 | jq -r '[.[].addr_info[] | select(.scope == "global").local] | join(" ")')"
    check_equal "routes no VIP or Proxy IP to itself" "" \
        "$(ip -n "$LAB-lb" "-$FAMILY" route show table local | grep -E "$VIP|$REMOTE_VIP|$PIP" || true)"
    check_equal "has no conntrack entries of the traffic" "" \
        "$(at lb conntrack -L 2>/dev/null | grep -E "$VIP|$REMOTE_VIP|$PIP" || true)"
}
