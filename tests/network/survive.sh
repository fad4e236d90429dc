#!/usr/bin/env bash
# A client notices nothing: kill -9 of the agent, 9 s without it with a pool so small that closed connections must give
# their ports back, and two restarts. And --detach takes everything down.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open survive
network_up
serve s1
serve s2
{
    config_head
    config_pool 3000-3023
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80
} >"$CONFIG"
agent_start
generation=$(lbctl status -o json | jq .generation)

mkfifo "$LAB_DIR/steady.in"
nsenter --net="$(netns near)" "$HARNESS/steady.py" "$VIP" 80 <"$LAB_DIR/steady.in" >"$LAB_DIR/steady.out" 2>&1 &
steady=$!
exec {steady_in}>"$LAB_DIR/steady.in"
check "a client starts" wait_until 5 grep -q started "$LAB_DIR/steady.out"
client=1.1.1.100:$(awk '/^started/ { print $NF }' "$LAB_DIR/steady.out")
kept_port() { lbctl conn show -o json | jq -r --arg client "$client" '.[] | select(.client == $client) | .proxy + " " + .backend'; }
kept_before=$(kept_port)
check_match "which keeps a connection" "^1.1.1.254:30[0-9][0-9] 1.1.1.1[12]:80\$" "$kept_before"

requests_seen() { cat "$LAB_DIR"/s[12].log | grep -c http || true; }
section "kill -9, and 9 s without an agent"
agent_kill KILL
before=$(requests_seen)
check_exit "lbctl finds no agent (exit 3)" 3 lbctl status
sleep 9
check_number "the servers were asked meanwhile" "$(requests_seen)" -gt "$((before + 100))"

section "a restart"
agent_start
check_equal "adopts the kept connection" "$kept_before" "$(kept_port)"
check_equal "with the same generation" "$generation" "$(lbctl status -o json | jq .generation)"
agent_kill KILL
section "another one, and one after SIGTERM"
agent_start
check_equal "adopts it again" "$kept_before" "$(kept_port)"
agent_kill TERM
agent_start
check_equal "and again" "$kept_before" "$(kept_port)"

printf "stop\n" >&"$steady_in" # the agents started meanwhile hold the pipe as well: its end would not come
exec {steady_in}>&-
wait "$steady" || true
result=$(tail -n 1 "$LAB_DIR/steady.out")
check_json "no request failed" '.failures == []' "$result"
check_json "of many on the kept connection and on new ones" '.kept > 100 and .new > 100' "$result"
check_number "more than the pool has ports, without an agent" "$(jq .new <<<"$result")" -gt 48
check_equal "and no port was missing" 0 "$(lbctl drops -o json | jq .proxy_ports_exhausted)"

section "--detach"
xdp_attached() { ip -n "$LAB-lb" -j -d link show dev eth0 | jq -e '.[0].xdp' >/dev/null; }
check "the program is attached before" xdp_attached
agent_kill TERM
check "and after the agent ended" xdp_attached
check "the data plane still works without it" at near curl -sS --max-time 3 "http://$VIP/"
# shellcheck disable=SC2046
check "lbagent --detach" at lb lbagent $(agent_options) --detach
check_not "no program is attached" xdp_attached
check_equal "no clsact is left" "" "$(at lb tc qdisc show dev eth0 | grep clsact || true)"
check_equal "no pin is left" "" "$(find "$BPFFS" -mindepth 1 2>/dev/null)"
check_not "and the VIP is dead" at near curl -sS --max-time 1 "http://$VIP/"

section "another number of connections"
table_size() { lbctl status -o json | jq .max_connections; }
restart_with() { # INTERFACES MAX_CONNECTIONS
    [[ -z $LAB_AGENT ]] || agent_kill TERM
    printf '[agent]\ninterfaces = [%s]\nmax_connections = %s\n' "$1" "$2" >"$CONFIG"
    agent_start
}
restart_with "" 1000
check_equal "a data plane that is attached to nothing" 1000 "$(table_size)"
restart_with "" 2000
check_equal "takes it at the next start" 2000 "$(table_size)"
restart_with '"eth0"' 2000
restart_with '"eth0"' 3000
check_equal "one that is attached stays as it is" 2000 "$(table_size)"
finish
