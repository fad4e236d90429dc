#!/usr/bin/env bash
# A new agent over a running data plane: the same version, one whose tables of configuration are others (replaced, nothing is lost),
# and one whose tables of connections are others (refused). The former versions are made up: what is pinned is tampered with, while
# the programs that run go on with the tables that they have.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open upgrade
network_up
for name in s1 s2; do serve "$name"; done
{
    config_head
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80
    config_service names "udp://$VIP:53" 1.1.1.11:53,1.1.1.12:53
    config_service old "tcp://$VIP:81" 1.1.1.11:80
} >"$CONFIG"
agent_start
MAPS=$BPFFS/maps

for client in steady:80 gap:53; do
    name=${client%:*}
    mkfifo "$LAB_DIR/$name.in"
    nsenter --net="$(netns near)" "$HARNESS/$name.py" "$VIP" "${client#*:}" <"$LAB_DIR/$name.in" >"$LAB_DIR/$name.out" 2>&1 &
    printf -v "CLIENT_$name" '%s' $!
done
exec {steady_in}>"$LAB_DIR/steady.in" {gap_in}>"$LAB_DIR/gap.in"
check "clients start" wait_until 5 grep -q started "$LAB_DIR/steady.out" "$LAB_DIR/gap.out"
kept="1.1.1.100:$(awk '/^started/ { print $NF }' "$LAB_DIR/steady.out")"
kept_connection() { lbctl conn show -o json | jq -r --arg client "$kept" '.[] | select(.client == $client) | .proxy'; }
before=$(kept_connection)
marked() {
    printf '%s\n' "$1" >&"$gap_in"
    wait_until 5 grep -q "\"mark\": \"$1\"" "$LAB_DIR/gap.out"
    grep "\"mark\": \"$1\"" "$LAB_DIR/gap.out"
}
check_unharmed() { # WHAT
    local result
    result=$(marked "$1")
    check_json "$1: no packet is lost (longest gap $(jq .gap <<<"$result") s)" '.lost == 0' "$result"
    check_equal "the kept connection is the same" "$before" "$(kept_connection)"
}
control() { bpftool -j map lookup pinned "$MAPS/control" key hex 00 00 00 00 | jq -r '.value[]'; }
set_control() { # BYTE VALUE
    local -a bytes
    mapfile -t bytes < <(control)
    bytes[$1]=$2
    bpftool map update pinned "$MAPS/control" key hex 00 00 00 00 value hex "${bytes[@]#0x}"
}
CONFIG_VERSION=48 ABI_VERSION=0
tables_of_another_version() {
    rm "$MAPS/backend" "$MAPS/service"
    bpftool map create "$MAPS/backend" type array key 4 value 16 entries 65536 name backend
    bpftool map create "$MAPS/service" type array key 4 value 64 entries 16384 name service
    set_control "$CONFIG_VERSION" 63
}
value_bytes() { bpftool -j map show pinned "$MAPS/$1" | jq .bytes_value; }

section "the same version"
for round in 1 2 3 4 5; do
    agent_kill KILL
    agent_start
done
check_unharmed "five new agents"

section "tables of configuration of another version"
nsenter --net="$(netns near)" "$HARNESS/wait_end.py" "$VIP" 81 60 >"$LAB_DIR/old.talk" 2>&1 &
check "a connection of a service that is removed" wait_until 5 grep -q answered "$LAB_DIR/old.talk"
lbctl service del old >/dev/null
leaving() { lbctl conn count --service old -o json | jq .connections; }
check_equal "goes on" 1 "$(leaving)"
size=$(value_bytes backend)
agent_kill TERM
tables_of_another_version
agent_start
check_match "the agent says so" "configuration is of version 99" "$(cat "$LAB_DIR/agent.log")"
check_unharmed "an upgrade"
check_equal "the tables are this version's" "$size" "$(value_bytes backend)"
check_equal "nothing is left over" "links maps" "$(ls "$BPFFS" | tr '\n' ' ' | sed 's/ $//')"
check_json "everything is there" '[.[].backends | length] == [2, 2]' "$(lbctl service show -o json)"
check "and can be changed" lbctl backend set web 1.1.1.11:80 --weight 2
sleep 4 # more than a round of the timer that ends idle connections
check_equal "the removed service's connection goes on" 1 "$(leaving)"

section "killed on the way"
agent_kill TERM
tables_of_another_version
nsenter --net="$(netns lb)" strace -qq -o "$LAB_DIR/trace" -e trace=rename lbagent $(agent_options) >/dev/null 2>&1 &
tracer=$!
wait_until 20 agent_ready
kill -TERM "$(pgrep -P "$tracer")" 2>/dev/null || kill -TERM "$tracer"
wait "$tracer" || true
steps=$(grep -c /next_ "$LAB_DIR/trace")
check_number "an upgrade moves tables ($steps of them)" "$steps" -ge 8
for ((step = 1; step <= steps; step++)); do
    tables_of_another_version
    nsenter --net="$(netns lb)" strace -qq -o /dev/null -e trace=rename -e "inject=rename:signal=SIGKILL:when=$step" \
        lbagent $(agent_options) >/dev/null 2>&1 || true
done
agent_start
check_unharmed "killed at each of them, and then an agent that lives"
check_equal "nothing is left over" "links maps" "$(ls "$BPFFS" | tr '\n' ' ' | sed 's/ $//')"

section "tables of connections of another version"
agent_kill TERM
set_control "$ABI_VERSION" 63
check_exit "the agent does not start" 1 nsenter --net="$(netns lb)" lbagent $(agent_options)
check_match "and says what is, and what to do" "ABI version 99.*--detach" "$ERR"
set_control "$ABI_VERSION" "$(printf %02x "$(sed -n 's/.* ABI_VERSION = \([0-9]*\),.*/\1/p' "$PROXIP_ROOT/bpf/abi/types.h")")"
agent_start
check_unharmed "what runs goes on"

printf 'stop\n' >&"$steady_in"
exec {steady_in}>&- {gap_in}>&-
wait_until 10 eval "! kill -0 $CLIENT_steady 2>/dev/null" || true
result=$(tail -n 1 "$LAB_DIR/steady.out")
check_json "no request failed" '.failures == [] and .kept > 50 and .new > 50' "$result"
finish
