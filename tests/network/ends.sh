#!/usr/bin/env bash
# Connections that the load balancer ends: both ends are told, and nothing is left. ends.sh [4|6].
FAMILY=${1:-4}
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open "ends$FAMILY"
network_up
serve s1
serve s2
one=$(with_port "$(ip_of 1.1.1.11)" 80)
two=$(with_port "$(ip_of 1.1.1.12)" 80)
{
    config_head
    config_pool
    config_service idle "tcp://$(with_port "$VIP" 80)" "$one" 'on_idle = "reset"' 'idle_timeout = { established = "1s" }'
    config_service silent "tcp://$(with_port "$VIP" 81)" "$one" 'idle_timeout = { established = "1s" }'
    config_service checked "tcp://$(with_port "$REMOTE_VIP" 81)" "$two" 'on_down = "reset"' \
        'check = { type = "tcp", port = 80, interval = "500ms", timeout = "300ms", fall = 2 }'
    config_service kept "tcp://$(with_port "$REMOTE_VIP" 82)" "$two" \
        'check = { type = "tcp", port = 80, interval = "500ms", timeout = "300ms", fall = 2 }'
    config_service long "tcp://$(with_port "$REMOTE_VIP" 80)" "$one,$two" 'scheduler = "round-robin"'
} >"$CONFIG"
agent_start
found_up() { lbctl backend show -o json | jq -e '[.[] | select(.service | IN("checked", "kept")) | .health] == ["up", "up"]'; }
wait_until 10 found_up # not merely not down yet: with IPv6 the first second knows no neighbours

talk() { # NAME ADDRESS PORT SECONDS: in the background; NAME.talk has what it says
    nsenter --net="$(netns near)" "$HARNESS/wait_end.py" "$2" "$3" "$4" >"$LAB_DIR/$1.talk" 2>&1 &
    wait_until 5 grep -q answered "$LAB_DIR/$1.talk"
}
told() { # NAME: how its connection ended
    wait_until 25 grep -qE '^(reset|closed|alive|more)' "$LAB_DIR/$1.talk" || true
    tail -n 1 "$LAB_DIR/$1.talk"
}
held_by() { at "$1" ss -Hnt state established sport = :80 | wc -l; } # SERVER
holds_none() { [[ $(held_by "$1") == 0 ]]; }
of_backend() { lbctl conn count --backend "$1" -o json | jq .connections; }

section "idle"
talk told "$VIP" 80 20
talk untold "$VIP" 81 8
check_equal "with on_idle = reset the client is reset" reset "$(told told)"
check_equal "without, it hears nothing" alive "$(told untold)"
check "its server neither has it any more" wait_until 5 eval '(( $(held_by s1) <= 1 ))'
check_equal "both connections are gone" 0 "$(lbctl conn count -o json | jq .connections)"

section "by hand"
for name in a b c d; do talk "$name" "$REMOTE_VIP" 80 20; done
check_equal "two connections to each server" "2 2" "$(of_backend "$one") $(of_backend "$two")"
check_exit "conn del without a choice is a usage error" 2 lbctl conn del
check_exit "and so is a choice with --all" 2 lbctl conn del --all --service long
check_exit "of a service that does not exist: 5" 5 lbctl conn del --service none
check_json "conn del --backend" '.ended == 2' "$(lbctl conn del --backend "$two" -o json)"
check_equal "they are gone at once, the others are not" "2 0" "$(of_backend "$one") $(of_backend "$two")"
check "the server is told" wait_until 3 holds_none s2
check_equal "and both clients" "reset reset" "$(told b) $(told d)"
check "backend del --now" lbctl backend del long "$one" --now
check_equal "ends what it had" 0 "$(of_backend "$one")"
check_equal "and tells" "reset reset" "$(told a) $(told c)"

section "a host that vanishes"
talk dead "$REMOTE_VIP" 81 20
talk kept "$REMOTE_VIP" 82 6
ip -n "$LAB-s2" link set dev eth0 down
check_equal "with on_down = reset who waits for it is told" reset "$(told dead)"
check_equal "without, its connections are kept" alive "$(told kept)"
ip -n "$LAB-s2" link set dev eth0 up

section "everything"
check "lbctl backend add" lbctl backend add long "$one"
lbctl backend drain long "$two" >/dev/null
talk e "$REMOTE_VIP" 80 20
check_json "conn del --all" '.ended >= 1' "$(lbctl conn del --all -o json)"
check_equal "leaves nothing" '[0,0]' "$(lbctl conn count -o json | jq -c '[.connections, .closed]')"
check_equal "e is told" reset "$(told e)"
finish
