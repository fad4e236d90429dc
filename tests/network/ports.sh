#!/usr/bin/env bash
# A pool of 100 ports serves exactly 100 connections to one backend at a time; the same ports serve another backend; and what
# is closed comes back: with the agent alive, with it dead, and when the servers close first (TIME_WAIT is theirs then).
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open ports
network_up
serve s1
serve s2
{
    config_head
    config_pool 2000-2099
    config_service one "tcp://$VIP:80" 1.1.1.11:80
    config_service two "tcp://$VIP:81" 1.1.1.12:80
} >"$CONFIG"
agent_start

holder() { # NAME PORT: a client that holds connections to the VIP's port; ask it with hold()
    mkfifo "$LAB_DIR/$1.in" "$LAB_DIR/$1.out"
    nsenter --net="$(netns near)" "$HARNESS/hold.py" "$VIP" "$2" <"$LAB_DIR/$1.in" >"$LAB_DIR/$1.out" 2>"$LAB_DIR/$1.err" &
    exec {in_fd}>"$LAB_DIR/$1.in" {out_fd}<"$LAB_DIR/$1.out"
    declare -g "IN_$1=$in_fd" "OUT_$1=$out_fd"
}

hold() { # NAME COMMAND…: the answer is left in ANSWER
    local in_name="IN_$1" out_name="OUT_$1"
    shift
    echo "$*" >&"${!in_name}"
    read -r -t 60 -u "${!out_name}" ANSWER || ANSWER='{}'
}

exhausted() { lbctl drops -o json | jq .proxy_ports_exhausted; }
ports_in_use() { lbctl conn show -o json --service "$1" --limit 0 | jq -c '[.[] | select(.state != "closed").proxy | split(":")[1] | tonumber] | sort'; }

check_hundred() { # WHAT HOLDER
    hold "$2" open 100
    check_json "$1" '.opened == 100' "$ANSWER"
}

section "exactly 100"
holder one 80
holder two 81
check_equal "nothing is exhausted yet" 0 "$(exhausted)"
check_hundred "100 connections to one backend" one
hold one open 1
check_json "the 101st is refused" '.refused == 1 and .opened == 0' "$ANSWER"
check_json "within 0.5 s" '.slowest < 0.5' "$ANSWER"
check_number "and counted as proxy_ports_exhausted" "$(exhausted)" -ge 1
check_equal "on all of the pool's ports, each once" "$(jq -cn '[range(2000; 2100)]')" "$(ports_in_use one)"
check_equal "conn count says 100" 100 "$(lbctl conn count -o json | jq .connections)"
check_json "pool show says 100 of 100 in use" \
    '.[0].addresses[0].endpoints[] | select(.address == "1.1.1.11:80") | .in_use == 100 and .capacity == 100' \
    "$(lbctl pool show -o json)"
full() { lbctl status -o json | jq -e '.warnings | any(startswith("proxy ports towards tcp://1.1.1.11:80: 100 % full"))'; }
check "status says that they are full" wait_until 6 full
check_hundred "another backend gets 100 besides" two
check_equal "on the same ports" "$(ports_in_use one)" "$(ports_in_use two)"
before=$(exhausted)
hold two open 1
check_json "and no more" '.refused == 1' "$ANSWER"
check_equal "counted once more" $((before + 1)) "$(exhausted)"

# What a port's return must wait for is the last packet of a close; 1.5 s is what the user is promised.
again() { # WHAT CLOSING-COMMAND
    hold one "$2"
    sleep 1.5
    check_hundred "100 new ones 1.5 s after $1" one
    hold one open 1
    check_json "and no more than 100" '.refused == 1 and .opened == 0 and .slowest < 0.5' "$ANSWER"
}

section "ports come back"
again "the clients closed" close
again "the servers closed" bye
section "another range"
check "half the ports" lbctl pool set default --ports 2000-2049
of_one() { lbctl pool show -o json | jq -c '[.[0].addresses[0].endpoints[] | select(.address == "1.1.1.11:80") | [.ports, .in_use, .capacity, .former]]'; }
check_equal "the range of now stands first; connections keep their ports of the one before" \
    '[["2000-2049",0,50,false],["2000-2099",100,100,true]]' "$(of_one)"
check_match "in words" "2000-2049 +tcp://1.1.1.11:80 +0 +50 .*2000-2099 \(former\) +tcp://1.1.1.11:80 +100 +100" \
    "$(lbctl pool show | tr '\n' ' ')"
not_full() { lbctl status -o json | jq -e '.warnings | all(startswith("proxy ports towards tcp://1.1.1.11:80") | not)'; }
check "whose being full is nobody's trouble any more" wait_until 10 not_full
check "and back" lbctl pool set default --ports 2000-2099
section "ports come back with the agent dead"
agent_kill KILL
again "the clients closed, without an agent" close
again "the servers closed, without an agent" bye
section "and with the next agent"
agent_start
check_equal "it knows the 100" 100 "$(ports_in_use one | jq length)"
again "the clients closed, with the next agent" close
finish
