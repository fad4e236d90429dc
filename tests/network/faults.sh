#!/usr/bin/env bash
# What goes wrong around the load balancer, each with a figure: lost packets, broken connections, seconds until it works again.
# The figures are printed, and stand in docs/reliability.md; asserted is what must hold.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open faults
network_up
for name in s1 s2 r1; do serve "$name"; done
config_of() { # BACKENDS: of the services web and names
    config_head
    config_pool
    config_service web "tcp://$VIP:80" "${1//PORT/80}"
    config_service names "udp://$VIP:53" "1.1.1.11:53"
    config_service far-names "udp://$REMOTE_VIP:53" "2.2.2.11:53"
}
config_of 1.1.1.11:PORT >"$CONFIG"
config_of 1.1.1.11:PORT >"$LAB_DIR/one.toml"
config_of 1.1.1.11:PORT,1.1.1.12:PORT >"$LAB_DIR/two.toml"
agent_start

# ---- clients that must notice nothing, or say what they noticed

client_start() { # NAME SCRIPT ADDRESS PORT
    local fd
    mkfifo "$LAB_DIR/$1.in"
    nsenter --net="$(netns near)" "$HARNESS/$2" "$3" "$4" <"$LAB_DIR/$1.in" >"$LAB_DIR/$1.out" 2>&1 &
    printf -v "CLIENT_$1" '%s' $!
    exec {fd}>"$LAB_DIR/$1.in"
    printf -v "FD_$1" '%s' "$fd"
    wait_until 5 grep -q started "$LAB_DIR/$1.out"
}
client_end() { # NAME: its last words
    local pid="CLIENT_$1" fd="FD_$1"
    printf 'stop\n' >&"${!fd}"
    wait_until 10 eval "! kill -0 ${!pid} 2>/dev/null" || kill "${!pid}"
    tail -n 1 "$LAB_DIR/$1.out"
}
marked() { # CLIENT MARK: what it lost since the last one
    local fd="FD_$1"
    printf '%s\n' "$2" >&"${!fd}"
    wait_until 5 grep -q "\"mark\": \"$2\"" "$LAB_DIR/$1.out"
    grep "\"mark\": \"$2\"" "$LAB_DIR/$1.out" | tail -n 1
}
figure() { # WHAT JSON: said, for the docs
    printf '        %s: lost %s, longest gap %s s\n' "$1" "$(jq .lost <<<"$2")" "$(jq .gap <<<"$2")"
}
answers() { [[ $(at near "$HARNESS/ask.py" "$1" 53 1 | jq .answered) == 1 ]]; } # VIP
backends() { lbctl backend show web -o json | jq length; }
generation() { lbctl status -o json | jq .generation; }

was_killed() { ! grep -q '^State:.[^Z]' "/proc/$LAB_AGENT/status" 2>/dev/null; }

section "kill -9 at every step of an apply"
client_start steady steady.py "$VIP" 80
CALLS=openat,write,fsync,rename,renameat,unlinkat,bpf
traced_or_killed() { was_killed || grep -q "TracerPid:.*[1-9]" "/proc/$LAB_AGENT/status"; }
applied() { # FILE STRACE-OPTION…: an apply under strace
    local file=$1 tracer
    shift
    strace -qq -p "$LAB_AGENT" -o "$LAB_DIR/trace" -e "trace=$CALLS" "$@" 2>/dev/null &
    tracer=$!
    wait_until 5 traced_or_killed # the agent's own timers come to such a call, too
    lbctl apply -f "$LAB_DIR/$file.toml" >/dev/null 2>&1 || true
    kill -INT "$tracer" 2>/dev/null || true
    wait "$tracer" 2>/dev/null || true
}
applied two
# "bpf 3": its third bpf(), which is how strace counts
mapfile -t steps < <(sed 's/(.*//' "$LAB_DIR/trace" | awk '/^[a-z]+$/ { print $1, ++seen[$1] }')
check_number "an apply is many steps" "${#steps[@]}" -ge 12
check_equal "which ends with two backends" 2 "$(backends)"
killed=0 wrong=""
for step in "${steps[@]}"; do
    before=$(generation) had=$(backends)
    wanted=$((had == 1 ? 2 : 1))
    applied "$( ((wanted == 1)) && echo one || echo two)" -e "inject=${step% *}:signal=SIGKILL:when=${step#* }"
    if was_killed; then killed=$((killed + 1)); fi
    agent_kill KILL
    agent_start || break
    case "$(generation) $(backends)" in
    "$before $had" | "$((before + 1)) $wanted") ;;
    *) wrong+="step $step: generation $before with $had -> $(generation) with $(backends); " ;;
    esac
done
# An apply that takes a backend away has fewer steps than one that adds it.
check_number "the agent was killed in the middle ($killed times in ${#steps[@]} steps)" "$killed" -ge 7
check_equal "it was the old configuration or the new one, each time" "" "$wrong"
result=$(client_end steady)
check_json "and no request failed" '.failures == [] and .kept > 100 and .new > 100' "$result"

section "the state folder"
agent_kill TERM
agent_start
client_start udp gap.py "$VIP" 53
check_exit "a second agent on the same folder is refused" 1 nsenter --net="$(netns lb)" lbagent \
    --config "$CONFIG" --socket "$LAB_DIR/other.sock" --state-dir "$STATE" --bpffs "$LAB_BPFFS_MOUNT/other"
check_match "and told who holds it" "$STATE.*$LAB_AGENT" "$ERR"
cp -a "$STATE" "$LAB_DIR/state.good"
refused_with() { # WHAT PATTERN
    agent_kill TERM
    check_exit "$1: the agent does not start" 1 nsenter --net="$(netns lb)" lbagent $(agent_options)
    check_match "and says which file, and why" "$2" "$ERR"
    check "what runs goes on" answers "$VIP"
}
state_again() { agent_kill TERM; rm -rf "$STATE"; cp -a "$LAB_DIR/state.good" "$STATE"; agent_start; }
agent_kill TERM
truncate -s 100 "$STATE/state.json"
refused_with "state.json truncated" "state.json: "
state_again
agent_kill TERM
sed -i '2s/backend/bakcend/' "$STATE/state.json"
refused_with "state.json corrupted" "state.json: .*checksum"
state_again
agent_kill TERM
rm -f "$STATE/state.json"
agent_start
check_equal "state.json missing: the file is applied over what runs" "$(grep -c '^address = "1.1.1' "$CONFIG")" "$(lbctl backend show -o json | jq '[.[] | select(.address | startswith("1.1.1"))] | length')"
state_again
small=$LAB_DIR/small
mkdir "$small" && mount -t tmpfs -o size=64k tmpfs "$small"
agent_kill TERM
cp -a "$STATE/." "$small/" && mv "$STATE" "$STATE.away" && ln -s "$small" "$STATE"
agent_start
head -c 60000 /dev/zero >"$small/filler" 2>/dev/null || true
dd if=/dev/zero of="$small/more" bs=1k count=64 2>/dev/null || true
before=$(generation)
check_exit "a full disk refuses a change" 1 lbctl backend set web "1.1.1.11:80" --weight 7
check_match "in the system's words" "No space left" "$ERR"
check_equal "and changes nothing" "$before" "$(generation)"
rm -f "$small/filler" "$small/more"
check "the next one that fits is taken" lbctl backend set web "1.1.1.11:80" --weight 7
agent_kill TERM
mount -o remount,ro "$small"
refused_with "a folder that is read-only" "[Rr]ead-only"
rm "$STATE" && umount "$small" && mv "$STATE.away" "$STATE"
agent_start
result=$(marked udp state)
figure "all that" "$result"
check_json "the data plane did not notice" '.lost == 0' "$result"

section "the servers' side"
mac_of() { ip -n "$LAB-$1" -j link show dev eth0 | jq -r '.[0].address'; } # HOST
old=$(mac_of s1)
marked udp before-mac >/dev/null
ip -n "$LAB-s1" link set dev eth0 address 02:00:00:00:aa:11
at s1 arping -q -U -c 2 -I eth0 1.1.1.11 || true
check "a backend's MAC changes, and it says so: it works again" wait_until 10 answers "$VIP"
result=$(marked udp mac)
figure "a MAC changed with gratuitous ARP" "$result"
ip -n "$LAB-s1" link set dev eth0 address "$old"
# The kernel asks again when an entry is older than its base_reachable_time, 15 to 45 s.
check "a MAC changes in silence: it works again" wait_until 60 answers "$VIP"
result=$(marked udp silent-mac)
figure "a MAC changed in silence" "$result"
ip -n "$LAB-lb" neigh flush dev eth0
check "the neighbours are flushed: it works" wait_until 5 answers "$VIP"
result=$(marked udp flush)
figure "ip neigh flush" "$result"
check_json "and nothing was lost" '.lost == 0' "$result"

section "routes that change while traffic runs"
client_start far gap.py "$REMOTE_VIP" 53
marked far begin >/dev/null
ip -n "$LAB-lb" route add 2.2.2.0/24 via 1.1.1.2
result=$(marked far same-way)
check_json "another route, the same way: nothing is lost" '.lost == 0' "$result"
ip -n "$LAB-lb" route replace 2.2.2.0/24 via 1.1.1.100 # near forwards nothing
check "a route to nowhere" wait_until 5 eval "! answers $REMOTE_VIP"
ip -n "$LAB-lb" route replace 2.2.2.0/24 via 1.1.1.2
check "and back" wait_until 5 answers "$REMOTE_VIP"
result=$(marked far back)
figure "a route to nowhere and back" "$result"

section "netlink falls behind"
kill -STOP "$LAB_AGENT"
for ((round = 0; round < 40; round++)); do # some ten thousand events
    for ((i = 1; i <= 120; i++)); do
        echo "neigh replace 1.1.1.$((i + 110)) lladdr 02:00:00:00:$round:01 dev eth0"
        echo "neigh del 1.1.1.$((i + 110)) dev eth0"
    done
done | ip -n "$LAB-lb" -force -batch - 2>/dev/null || true
ip -n "$LAB-s1" link set dev eth0 address 02:00:00:00:aa:22
ip -n "$LAB-lb" neigh replace 1.1.1.11 lladdr 02:00:00:00:aa:22 dev eth0 nud reachable
kill -CONT "$LAB_AGENT"
check "what was missed is read again" wait_until 10 answers "$VIP"
figure "netlink overrun" "$(marked udp overrun)"
ip -n "$LAB-s1" link set dev eth0 address "$old"
at s1 arping -q -U -c 2 -I eth0 1.1.1.11 || true
check "and the MAC of before" wait_until 10 answers "$VIP"
marked udp overrun-back >/dev/null

section "the interface"
ip -n "$LAB-lb" link set dev eth0 down
ip -n "$LAB-lb" link set dev eth0 up
ip -n "$LAB-lb" route replace default via 1.1.1.2
check "down and up: it works again" wait_until 20 answers "$VIP"
figure "interface down and up" "$(marked udp updown)"
ip -n "$LAB-lb" link del dev eth0
check_match "deleted: status says so" "eth0" "$(lbctl status -o json | jq -r '.warnings[]')"
cable lb eth0 switch lb
ip -n "$LAB-switch" link set dev lb master br0
address lb eth0 1.1.1.1/24
ip -n "$LAB-lb" route replace default via 1.1.1.2
check "made again: it works again" wait_until 30 answers "$VIP"
figure "interface deleted and made again" "$(marked udp again)"
check_equal "and status has nothing to say of it" "" "$(lbctl status -o json | jq -r '.warnings[] | select(contains("eth0"))')"

section "the bpffs goes"
umount -l "$LAB_BPFFS_MOUNT"
check "what runs goes on" answers "$VIP"
check "and can be changed" lbctl backend set web "1.1.1.11:80" --weight 3
agent_kill KILL
mount -t bpf "bpf-$LAB" "$LAB_BPFFS_MOUNT"
agent_start
check "a new agent begins anew" wait_until 10 answers "$VIP"
figure "bpffs gone, and a new agent" "$(marked udp bpffs)"
finish
