#!/usr/bin/env bash
# Changes of the configuration while traffic runs: nobody notices them, but those whom they are meant for.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open change
network_up
# A second interface of the load balancer, with a server and a client behind it.
switch switch4
host i1
plug switch4 lb 4.4.4.1/24 eth1
plug switch4 i1 4.4.4.11/24
gateway i1 4.4.4.1
for name in s1 s2 i1; do serve "$name"; done

INLINE=1.1.1.91
# The configuration file. Closed connections keep their mapping for a second, so that what was removed is gone soon.
config() { # WEIGHT-OF-S2 [INTERFACES]
    printf '[agent]\ninterfaces = [%s]\n' "${2:-\"eth0\"}"
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 'scheduler = "round-robin"' 'idle_timeout = { closed = "1s" }'
    printf 'weight = %s\n' "$1" # of the last backend
    config_service inline "tcp://$INLINE:80" 4.4.4.11:80
}
config 1 >"$CONFIG"
config 2 >"$LAB_DIR/two.toml"
config 1 '"eth0", "eth1"' >"$LAB_DIR/eth1.toml"

json() { lbctl -o json "$@"; }
generation() { json status | jq .generation; }

# A client on a host that runs until it is told to stop; its answer is its last line.
client_start() { # NAME HOST PROGRAM ARGUMENT…
    local name=$1 host=$2 fd
    shift 2
    mkfifo "$LAB_DIR/$name.in"
    nsenter --net="$(netns "$host")" "$HARNESS/$1" "${@:2}" <"$LAB_DIR/$name.in" >"$LAB_DIR/$name.out" 2>&1 &
    eval "CLIENT_$name=$!"
    exec {fd}>"$LAB_DIR/$name.in"
    eval "CLIENT_${name}_in=$fd"
    wait_until 10 test -s "$LAB_DIR/$name.out" || [[ $1 == hold.py ]]
}
client_tell() { # NAME WORD…
    local fd="CLIENT_$1_in"
    echo "${@:2}" >&"${!fd}"
}
client_stop() { # NAME: what it has to say is in RESULT
    local pid="CLIENT_$1" fd="CLIENT_$1_in"
    # Whoever was started meanwhile holds the pipe as well: its end may not come.
    if [[ $1 == held ]]; then kill "${!pid}"; else client_tell "$1" stop; fi
    eval "exec ${!fd}>&-"
    wait "${!pid}" || true
    rm -f "$LAB_DIR/$1.in"
    RESULT=$(tail -n 1 "$LAB_DIR/$1.out")
}

agent_start

section "a hundred changes, and clients that notice nothing"
client_start kept1 near steady.py "$VIP" 80 # round-robin: their kept connections go to different servers
client_start kept2 near steady.py "$VIP" 80
client_start rush near rush.py "$VIP" 80 2
changes=0
before=$(generation)
change() { # COMMAND…: it makes one generation
    if lbctl "$@" >"$LAB_DIR/change.out" 2>&1; then changes=$((changes + 1)); else
        failed "lbctl $*" "$(<"$LAB_DIR/change.out")"
    fi
}
start=$(now_ms)
while (($(now_ms) - start < 8000 || changes < 100)); do
    change backend set web 1.1.1.12:80 --weight 3
    change service add extra "tcp://1.1.1.95:80" --backend 1.1.1.11:80 --backend 1.1.1.12:80
    change backend del web 1.1.1.12:80
    change backend add web 1.1.1.12:80 1.1.1.100:81,backup
    change server drain 1.1.1.12
    change server enable 1.1.1.12
    change apply -f "$LAB_DIR/two.toml" # drops extra and the backup
    change batch -f - <<<"service add extra tcp://1.1.1.95:80 --backend 1.1.1.11:80
        backend set web 1.1.1.12:80 --weight 7 # a comment
        service set web --scheduler maglev"
    change service del extra
    change apply -f "$CONFIG"
done
took=$(($(now_ms) - start))
client_stop rush
check_number "changes were made" "$changes" -ge 100
check_equal "each was one generation" $((before + changes)) "$(generation)"
check_json "no new connection failed" '.failures == []' "$RESULT"
check_number "of so many in ${took} ms" "$(jq .calls <<<"$RESULT")" -ge 500
check_json "to both servers" '.by.s1 > 0 and .by.s2 > 0' "$RESULT"
for name in kept1 kept2; do
    client_stop "$name"
    check_json "the requests on a kept connection went on ($name)" '.failures == [] and .kept > 50' "$RESULT"
done

section "drain --wait"
slow() { # COUNT: requests of 6 seconds, on both servers in turns
    local i
    for ((i = 0; i < $1; i++)); do
        at near curl -sS --max-time 20 "http://$VIP/slow/6" >"$LAB_DIR/slow.$i" 2>&1 &
    done
}
live_on_s2() { [[ $(json backend show web 1.1.1.12:80 | jq '.[0].connections') == "$1" ]]; }
check "all new connections to s2" lbctl backend set web 1.1.1.11:80 --weight 0
slow 4
check "four slow requests are there" wait_until 3 live_on_s2 4
check_exit "too short a wait (exit 8)" 8 lbctl backend drain web 1.1.1.12:80 --wait 1s
check_match "says what is left" '4 connections left' "$ERR"
check_json "it is drained all the same" '.[0].state == "drain"' "$(json backend show web 1.1.1.12:80)"
start=$(now_ms)
check_exit "server drain --wait returns" 0 lbctl server drain 1.1.1.12 --wait 30s
check_number "after they ended" $(($(now_ms) - start)) -ge 2000
check_number "and soon then" $(($(now_ms) - start)) -lt 15000
check "all four were answered" wait_until 10 bash -c "[[ \$(cat $LAB_DIR/slow.? | grep -c '^s2 ') == 4 ]]"
check "enabled again" lbctl server enable 1.1.1.12
check "back to the file" lbctl apply -f "$CONFIG"

section "server"
config_service second "tcp://1.1.1.96:80" 1.1.1.12:80 >"$LAB_DIR/second.toml"
cat "$CONFIG" "$LAB_DIR/second.toml" >"$LAB_DIR/both.toml"
check "a second service with it" lbctl apply -f "$LAB_DIR/both.toml"
before=$(generation)
check "server disable" lbctl server disable 1.1.1.12
check_equal "is one generation" $((before + 1)) "$(generation)"
check_json "in every service" 'length == 2 and all(.state == "disabled")' "$(json server show 1.1.1.12)"
check_json "and no other server" 'all(.state == "up")' "$(json server show 1.1.1.11)"
check "server enable" lbctl server enable 1.1.1.12
check_json "in every service" 'all(.state == "up")' "$(json server show 1.1.1.12)"
check_exit "one that serves nothing (exit 5)" 5 lbctl server drain 9.9.9.9
check_exit "show it (exit 5)" 5 lbctl server show 9.9.9.9

section "batch"
before=$(generation)
dump=$(lbctl dump)
printf '%s\n' '# two good ones' 'backend set web 1.1.1.11:80 --weight 9' '' 'backend set web 7.7.7.7:80 --weight 1' >"$LAB_DIR/bad.txt"
check_exit "one bad line" 5 lbctl batch -f "$LAB_DIR/bad.txt"
check_match "is named" 'bad\.txt:4: .*7\.7\.7\.7:80' "$ERR"
printf '%s\n' 'service add one tcp://1.1.1.97:80' 'service add two tcp://1.1.1.97:80' 'service add three tcp://1.1.1.98:80' >"$LAB_DIR/bad.txt"
check_exit "what is wrong only in the end" 1 lbctl batch -f "$LAB_DIR/bad.txt"
check_match "is named by the line that made it so" 'bad\.txt:2: service\[two\]\.address: ' "$ERR"
echo status >"$LAB_DIR/bad.txt"
check_exit "what changes nothing" 1 lbctl batch -f "$LAB_DIR/bad.txt"
check_equal "nothing was changed" "$before $dump" "$(generation) $(lbctl dump)"
printf '%s\n' 'service add one tcp://1.1.1.97:80' 'lbctl backend add one 1.1.1.11:80 1.1.1.12:80' 'server drain 1.1.1.12' >"$LAB_DIR/good.txt"
check_exit "--dry-run" 0 lbctl batch -f "$LAB_DIR/good.txt" --dry-run
check_match "tells" '\+ service\[one\].*2 backends' "$OUT"
check_equal "and changes nothing" "$before" "$(generation)"
check_exit "not that generation (exit 7)" 7 lbctl batch -f "$LAB_DIR/good.txt" --if-generation 1
check_exit "that generation" 0 lbctl batch -f "$LAB_DIR/good.txt" --if-generation "$before"
check_equal "is one generation" $((before + 1)) "$(generation)"
check_json "all of it" 'length == 2 and map(.state) == ["up", "drain"]' "$(json backend show one)"
check_exit "any change can ask for a generation" 7 lbctl backend set one 1.1.1.11:80 --weight 2 --if-generation "$before"
check_exit "back to the file" 0 lbctl apply -f "$CONFIG"
check "and its servers" lbctl server enable 1.1.1.12

section "diff"
cat >"$LAB_DIR/more.toml" <<<"$(sed 's/max_connections.*//; s/^interfaces.*/&\nmax_connections = 4096/' "$CONFIG")"
config_service more "tcp://1.1.1.99:80" 1.1.1.11:81 >>"$LAB_DIR/more.toml"
check_exit "a difference (exit 6)" 6 lbctl diff -f "$LAB_DIR/more.toml"
check_match "names the new service" '\+ service\[more\]' "$OUT"
check_match "marks what needs a restart" 'max_connections: 1048576 -> 4096   \(needs a restart\)' "$OUT"
check_match "shows the sum" 'pool default: 64512 ports x 1 address x 4 endpoints x 2 B = 504 KiB' "$OUT"
check_match "before and after" '378 KiB -> 504 KiB of at most 256 MiB' "$OUT"
check_exit "as JSON" 6 lbctl diff -f "$LAB_DIR/more.toml" -o json
check_json "the same" '(.changes | any(.path == "agent.max_connections" and .restart)) and .port_memory == 516096 and .port_memory_before == 387072
    and .pools == [{"name": "default", "ports": 64512, "addresses": 1, "endpoints": 4, "bytes": 516096}]' "$OUT"
check_exit "no difference (exit 0)" 0 lbctl diff -f "$CONFIG"

section "leaving"
four_of_web='all(.service == "web") and (map(select(.state == "established")) | length == 4)'
client_start held near hold.py "$VIP" 80
client_tell held open 4
check "four connections" wait_until 5 grep -q '"opened": 4' "$LAB_DIR/held.out"
check "a backend is removed" lbctl backend del web 1.1.1.12:80
check_json "and shown as leaving" '.[] | select(.address == "1.1.1.12:80") | .state == "leaving" and .connections == 2' "$(json backend show web)"
check_json "in its service too" '.[0] | .connections == 4 and (.backends | map(.state) | sort == ["leaving", "up"])' "$(json service show web)"
check_json "and by its address" 'any(.state == "leaving")' "$(json server show 1.1.1.12)"
check_match "not as one of the service's own" ' 1/1 ' "$(lbctl service show web)"
check "its service is removed" lbctl service del web
check_json "and keeps its name" "$four_of_web" "$(json conn show --service web)"
check_json "in backend show" 'length == 2 and all(.state == "leaving")' "$(json backend show web)"
agent_kill KILL
agent_start
check_json "also after a restart" "$four_of_web" "$(json conn show --service web)"
check_json "counted as well" '.connections == 4' "$(json conn count --service web)"
client_tell held close
nothing_leaves() { [[ $(json backend show | jq 'map(select(.state == "leaving")) | length') == 0 ]]; }
check "gone with the last connection" wait_until 5 nothing_leaves
client_stop held
is_forgotten() { ! lbctl conn show --service web; }
check "its name as well, by itself" wait_until 15 is_forgotten
no_ring_left() { [[ $(json pool show | jq '[.[0].addresses[0].endpoints[] | select(.address | startswith("1.1.1."))] | length') == 0 ]]; }
check "and its proxy ports" wait_until 10 no_ring_left
check "back to the file" lbctl apply -f "$CONFIG"

section "apply --confirm"
confirm_of() { json status | jq -c "$1"; }
before=$(generation)
check_exit "is applied" 0 lbctl apply -f "$LAB_DIR/two.toml" --confirm 3s
check_match "and says that it waits" 'generation [0-9]+, for 3 s unless .lbctl confirm. comes' "$OUT"
check_json "status too" ".confirm.back_to == $before and .confirm.seconds_left <= 3 and .confirm.seconds_left > 0" "$(json status)"
check_exit "another change is refused" 1 lbctl backend set web 1.1.1.11:80 --weight 5
check_match "and told why" 'waits to be confirmed.*lbctl confirm' "$ERR"
gone_back() { [[ $(generation) == $((before + 2)) ]]; }
check "unconfirmed it goes back" wait_until 6 gone_back
check_equal "to what ran before" null "$(confirm_of .confirm)"
check_exit "to the letter" 0 lbctl diff -f "$CONFIG"
check_exit "too late to confirm" 1 lbctl confirm
check "another one" lbctl apply -f "$LAB_DIR/two.toml" --confirm 60s
check "disabled by hand it cannot be" bash -c '! lbctl backend disable web 1.1.1.11:80'
check "is confirmed" lbctl confirm
check_equal "and waits no more" null "$(confirm_of .confirm)"
check_exit "it stays" 0 lbctl diff -f "$LAB_DIR/two.toml"
check "one that is taken back at once" lbctl apply -f "$CONFIG" --confirm 60s
check "lbctl rollback" lbctl rollback
check_exit "is what ran before" 0 lbctl diff -f "$LAB_DIR/two.toml"
check "a drained backend" lbctl backend drain web 1.1.1.12:80
check "one with an agent that dies" lbctl apply -f "$LAB_DIR/both.toml" --confirm 4s
check "which is tried once more" lbctl apply -f "$CONFIG" --confirm 4s
agent_kill KILL
sleep 1
agent_start
check_json "a restart in time still waits" '.confirm.seconds_left > 0 and .confirm.seconds_left < 4' "$(json status)"
agent_kill KILL
sleep 4
agent_start
check_exit "a restart too late has gone back" 0 lbctl diff -f "$LAB_DIR/two.toml"
check_json "with what the operator had drained" '.[0].state == "drain"' "$(json backend show web 1.1.1.12:80)"
check "enabled again" lbctl server enable 1.1.1.12

section "SIGHUP"
agent_kill TERM
: >"$LAB_DIR/notify.out"
socat -u "UNIX-RECV:$LAB_DIR/notify" - >>"$LAB_DIR/notify.out" 2>/dev/null &
wait_until 5 test -S "$LAB_DIR/notify"
NOTIFY_SOCKET=$LAB_DIR/notify agent_start
before=$(generation)
printf 'nonsense = true\n' >>"$CONFIG"
kill -HUP "$LAB_AGENT"
file_refused() { json status | jq -e '.warnings | any(test("was not reloaded.*nonsense"))'; }
check "a bad file is refused, and status says so" wait_until 5 file_refused
check_equal "nothing was changed" "$before" "$(generation)"
check_match "the log has it" "not reloaded, generation $before runs on: .*lb.toml" "$(<"$LAB_DIR/agent.log")"
check_match "systemd was told" 'RELOADING=1.MONOTONIC_USEC=[0-9]+.*READY=1.STATUS=not reloaded' "$(tr '\n' ' ' <"$LAB_DIR/notify.out")"
config 3 >"$CONFIG"
kill -HUP "$LAB_AGENT"
check "a good one is applied" wait_until 5 bash -c "[[ \$(lbctl backend show web 1.1.1.12:80 -o json | jq '.[0].weight') == 3 ]]"
check_not "and the warning is gone" file_refused
check_match "systemd was told" "STATUS=generation $((before + 1))" "$(<"$LAB_DIR/notify.out")"
check_equal "no drift" false "$(json status | jq .drift)"

section "interfaces come and go under traffic"
client_start rush near rush.py "$VIP" 80 2
inline_works() { at i1 curl -sS --max-time 1 "http://$INLINE/"; }
for round in 1 2 3; do
    check "eth1 is added ($round)" lbctl apply -f "$LAB_DIR/eth1.toml"
    check_json "it is attached" '.interfaces | map(.name) | sort == ["eth0", "eth1"]' "$(json status)"
    check "its clients are served" wait_until 5 inline_works
    check "eth1 is removed ($round)" lbctl apply -f "$CONFIG"
    check_json "it is detached" '.interfaces | map(.name) == ["eth0"]' "$(json status)"
    check_equal "nothing of ours is left there" "" "$(at lb tc qdisc show dev eth1 | grep clsact || true)"
done
client_stop rush
check_json "the others noticed nothing" '.failures == [] and .calls > 100' "$RESULT"
finish
