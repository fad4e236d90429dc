#!/usr/bin/env bash
# Under attack: a flood of SYNs against a small table, malformed frames, and limits. attack.sh auto|native|generic
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=${1:-auto}
lab_open "attack-$mode"
network_up
host evil # on a cable of its own: a bridge lets no malformed header through
cable evil eth0 lb side
head -c 3000000 /dev/urandom >"$LAB_DIR/blob"
for name in s1 s2; do serve "$name"; done
{
    printf '[agent]\ninterfaces = ["eth0", "side"]\nxdp_mode = "%s"\nmax_connections = 20000\n' "$mode"
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 'scheduler = "round-robin"'
    config_service names "udp://$VIP:53" 1.1.1.11:53,1.1.1.12:53
    config_service two "tcp://$REMOTE_VIP:80" 1.1.1.11:80
    config_service one "tcp://$REMOTE_VIP:81" 1.1.1.11:80
} >"$CONFIG"
agent_start
lb_mac=$(ip -n "$LAB-lb" -j link show dev eth0 | jq -r '.[0].address')
side_mac=$(ip -n "$LAB-lb" -j link show dev side | jq -r '.[0].address')
drops() { lbctl -o json drops | jq ".$1"; }

# A client that keeps one connection and opens others, until it is told to stop.
steady_start() { # HOST
    mkfifo "$LAB_DIR/steady.in"
    nsenter --net="$(netns "$1")" "$HARNESS/steady.py" "$VIP" 80 <"$LAB_DIR/steady.in" >"$LAB_DIR/steady.out" 2>&1 &
    STEADY=$!
    exec {STEADY_IN}>"$LAB_DIR/steady.in"
    wait_until 10 grep -q started "$LAB_DIR/steady.out"
}
steady_stop() { # the result is left in STEADY_RESULT
    exec {STEADY_IN}>&-
    wait "$STEADY" || true
    STEADY_RESULT=$(tail -n 1 "$LAB_DIR/steady.out")
    rm -f "$LAB_DIR/steady.in"
}

section "300,000 SYNs from made-up clients, 20,000 connections at most"
steady_start s1
at near "$HARNESS/frames.py" flood eth0 "$lb_mac" "$VIP" 80 300000 >"$LAB_DIR/flood" &
flood=$!
highest=0
while kill -0 "$flood" 2>/dev/null; do
    count=$(lbctl conn count -o json | jq .connections)
    ((count <= highest)) || highest=$count
done
steady_stop
check_json "300,000 were sent" '.syn == 300000' "$(<"$LAB_DIR/flood")"
check_number "the table filled" "$highest" -ge 15000
check_number "and was never above its limit" "$highest" -le 20000
check_json "the established connection lives" '[.failures[] | select(startswith("kept"))] == [] and .kept > 0' "$STEADY_RESULT"
check_json "at most 2 % of the new ones failed" \
    '([.failures[] | select(startswith("new"))] | length) <= 0.02 * (.new + ([.failures[] | select(startswith("new"))] | length))' "$STEADY_RESULT"

section "60,000 malformed frames"
before=$(drops bad_header)
for name in s1 s2; do capture_start "$name" "bad_$name" 'src host 1.1.1.254 and len < 100 and not tcp[tcpflags] & (tcp-ack) != 0'; done
steady_start s2
at evil "$HARNESS/frames.py" malformed eth0 "$side_mac" "$VIP" 80 60000 >"$LAB_DIR/malformed"
steady_stop
check_json "60,000 of ten kinds" '([.[]] | add) == 60000 and length == 10' "$(<"$LAB_DIR/malformed")"
check_equal "each is counted as bad_header" 60000 "$(($(drops bad_header) - before))"
check_json "traffic goes on untouched" '.failures == [] and .kept > 0 and .new > 0' "$STEADY_RESULT"
for name in s1 s2; do
    capture_stop "bad_$name"
    check_equal "none reached $name" 0 "$(grep -c 'MALFORMED\|bad\|truncated' "$LAB_DIR/bad_$name.capture" || true)"
done

section "limits"
check "lbctl service set two --max-connections 5" lbctl service set two --max-connections 5
live() { lbctl service show two -o json | jq '.[0].connections'; } # of the service "two"
live_is() { (($(live) == $1)); }
holder_at() { # NAME HOST VIP PORT
    mkfifo "$LAB_DIR/$1.in" "$LAB_DIR/$1.out"
    nsenter --net="$(netns "$2")" "$HARNESS/hold.py" "$3" "$4" <"$LAB_DIR/$1.in" >"$LAB_DIR/$1.out" 2>"$LAB_DIR/$1.err" &
    exec {in_fd}>"$LAB_DIR/$1.in" {out_fd}<"$LAB_DIR/$1.out"
    declare -g "IN_$1=$in_fd" "OUT_$1=$out_fd"
}
hold() { # NAME COMMAND…
    local in_name="IN_$1" out_name="OUT_$1"
    shift
    echo "$*" >&"${!in_name}"
    read -r -t 60 -u "${!out_name}" ANSWER || ANSWER='{}'
}
holder_at a near "$REMOTE_VIP" 80
holder_at b s2 "$REMOTE_VIP" 80
hold a open 3
hold b open 3
check_json "a service takes as many as it may" '.opened == 2 and .refused == 1' "$ANSWER"
check_number "the others are counted as service_limit_reached" "$(drops service_limit_reached)" -ge 1
before=$(live)
hold a close
wait_until 5 live_is $((before - 3))
hold b open 1
check_json "what was closed makes room" '.opened == 1' "$ANSWER"
hold b close
wait_until 5 live_is $((before - 5))
check "lbctl service set two --max-connections 0 --max-per-client 4" lbctl service set two --max-connections 0 --max-per-client 4
hold a open 6
check_json "a client gets as many as it may" '.opened == 4 and .refused == 2' "$ANSWER"
hold b open 4
check_json "another one too" '.opened == 4' "$ANSWER"
check_equal "the others are counted as client_limit_reached" 2 "$(drops client_limit_reached)"
before=$(live)
hold a close
wait_until 5 live_is $((before - 4))
hold a open 4
check_json "what was closed counts no more" '.opened == 4' "$ANSWER"
hold a close
hold b close
wait_until 5 live_is $((before - 8))
check "lbctl service set two --max-per-client 0" lbctl service set two --max-per-client 0
check "lbctl pool set default --max-ports-per-client 3" lbctl pool set default --max-ports-per-client 3
holder_at c near "$REMOTE_VIP" 81
hold a open 2
hold c open 2
check_json "a client gets so many ports of one backend, in all services together" '.opened == 1 and .refused == 1' "$ANSWER"
check_equal "counted as client_ports_exhausted" 1 "$(drops client_ports_exhausted)"
check_json "dump keeps the limit" '.proxy_pool[0].max_ports_per_client == 3' "$(lbctl dump --json 2>/dev/null || lbctl -o json dump)"
check "lbctl pool set default --max-ports-per-client 0" lbctl pool set default --max-ports-per-client 0

section "one tuple, one connection"
from_7777() { # HOST PORT
    at "$1" socat -t 5 - "TCP4:$REMOTE_VIP:$2,sourceport=7777,reuseaddr" <<<$'GET / HTTP/1.0\r\n\r' | grep -q "^s1 $PIP"
}
check "port 7777 of near to $REMOTE_VIP:80" from_7777 near 80
check "port 7777 of near to $REMOTE_VIP:81, served by the same backend" from_7777 near 81
check "port 7777 of s2 to $REMOTE_VIP:80" from_7777 s2 80
finish
