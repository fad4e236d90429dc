#!/usr/bin/env bash
# whois: `conn show`, `whois` and the server's own log agree, while a connection is open and after; without an agent, too. And the NAT
# log stays within its bounds, tells collectors, and says what it did not hear. whois.sh [4|6].
FAMILY=${1:-4}
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open "whois$FAMILY"
network_up
one=$(with_port "$(ip_of 1.1.1.11)" 80)
two=$(with_port "$(ip_of 1.1.1.12)" 80)
sink=$(with_port "$(ip_of 1.1.1.11)" 9)
near=$(ip_of 1.1.1.100)
LINES=$LAB_DIR/nat.json

# nginx, whose access log says whom it saw.
web_start() { # HOST
    local folder=$LAB_DIR/web-$1
    mkdir -p "$folder"
    cat >"$folder/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $folder/nginx.pid;
events {}
http {
    log_format who '\$remote_addr \$remote_port';
    access_log $folder/access.log who;
    server {
        listen 80;
        listen [::]:80;
        default_type text/plain;
        location / { return 200 "$1\n"; }
    }
}
CONF
    nsenter --net="$(netns "$1")" nginx -p "$folder" -e "$folder/error.log" -c "$folder/nginx.conf" &
    wait_until 10 port_open "$1" 80 || { cat "$folder/error.log" >&2; return 1; }
}

configure() { # [KEY = VALUE of nat_log …], as one inline table
    local IFS=,
    {
        config_head "nat_log = { ${*:-enabled = true} }"
        config_pool
        config_service web "tcp://$(with_port "$VIP" 80)" "$one"
        config_service also "tcp://$(with_port "$REMOTE_VIP" 80)" "$two"
        config_service names "udp://$(with_port "$VIP" 53)" "$sink"
    } >"$CONFIG"
}

json() { lbctl -o json "$@"; }
last_seen() { # HOST: ADDRESS:PORT as its web server saw it
    local ip port
    read -r ip port < <(tail -n 1 "$LAB_DIR/web-$1/access.log")
    with_port "$ip" "$port"
}
hold() { # NAME ADDRESS: asks once, and keeps the connection open
    nsenter --net="$(netns near)" "$HARNESS/wait_end.py" "$2" 80 200 >"$LAB_DIR/$1.talk" 2>&1 &
    printf -v "HOLD_$1" '%s' $!
    wait_until 5 grep -q answered "$LAB_DIR/$1.talk"
}
let_go() { # NAME
    local pid="HOLD_$1"
    kill -TERM "${!pid}"
    wait "${!pid}" 2>/dev/null || true
}
call() { at near curl -sS --noproxy '*' --max-time 5 "http://$(in_url "$1")/"; } # ADDRESS
shown() { json conn show | jq -r --arg proxy "$1" '.[] | select(.proxy == $proxy) | .client'; }
whois_client() { json whois "$1" | jq -r '.[0].client'; }
is_over() { [[ $(json whois "$1" | jq -r '.[0].until') != null ]]; }
flood() { # FIRST-PORT COUNT: that many UDP "connections"
    at near python3 - "$VIP" "$1" "$2" "$FAMILY" <<'PY'
import socket, sys
vip, first, count, family = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
for port in range(first, first + count):
    with socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", port))
        sock.sendto(b"x", (vip, 53))
PY
}
metric() { at lb curl -sS --noproxy '*' http://127.0.0.1:9631/metrics | awk -v name="$1" '$1 == name { printf "%d\n", $2 }'; }

web_start s1
web_start s2
configure 'json = "'"$LINES"'"' 'max_size = "1MiB"'
agent_start
check "the services answer" wait_until 10 call "$VIP"

section "open"
before=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
hold web "$VIP"
proxy=$(last_seen s1)
client=$(shown "$proxy")
check_match "conn show knows the port that the server saw" "^(\\[?)$near" "$client"
check_json "whois says the same" '.[0].client == "'"$client"'" and .[0].service == "web" and .[0].backend == "'"$one"'"
    and .[0].protocol == "tcp" and .[0].until == null and .[0].state == "open" and .[0].vip == null' "$(json whois "$proxy")"
check_match "since when, to the millisecond" '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z$' "$(json whois "$proxy" | jq -r '.[0].since')"
since=$(json whois "$proxy" | jq -r '.[0].since')
check "which is not before it was opened" test "$since" ">" "$before"
check "for people" lbctl whois "$proxy"
check_equal "with its protocol" "$client" "$(json whois "tcp://$proxy" | jq -r '.[0].client')"
check_exit "with the other one: not found" 5 lbctl whois "udp://$proxy"
check_match "and since when the log knows" "NAT log begins at 20" "$ERR"
check_equal "with its backend" "$client" "$(json whois "$proxy" --backend "$one" | jq -r '.[0].client')"
check_exit "with another backend: not found" 5 lbctl whois "$proxy" --backend "$two"
check_exit "before it was opened: not found" 5 lbctl whois "$proxy" --at "$before"
check_exit "an hour ago: not found" 5 lbctl whois "$proxy" --at -1h
check_equal "now" "$client" "$(json whois "$proxy" --at "$(date +%s.%N)" | jq -r '.[0].client')"
check_exit "no port: a usage error" 2 lbctl whois "$PIP"
check_exit "no time: a usage error" 2 lbctl whois "$proxy" --at yesterday

section "closed"
let_go web
check "its end is known" wait_until 5 is_over "$proxy"
sleep 2 # what is asked is what the answer is two seconds later
closed=$(json whois "$proxy")
check_equal "two seconds after: conn show, whois and the server agree" "$client $client $proxy" \
    "$(shown "$proxy") $(jq -r '.[0].client' <<<"$closed") $(last_seen s1)"
check_json "it ended" 'length == 1 and .[0].state == "closed" and .[0].since == "'"$since"'" and .[0].until > .[0].since' "$closed"
until=$(jq -r '.[0].until' <<<"$closed")
check_equal "in between it had the port" "$client" "$(json whois "$proxy" --at "$until" | jq -r '.[0].client')"
check_exit "a second later nobody had" 5 lbctl whois "$proxy" --at "$(date -u -d "$until + 1 second" +%Y-%m-%dT%H:%M:%S.%3NZ)"

section "collectors"
line() { jq -c --arg client "$client" 'select(.client == $client) | [.event, .proxy, .service, .since, .until]' "$LINES"; }
check_equal "a line when it was opened, and one when it was closed" \
    "$(printf '["open","%s","web","%s",null]\n["close","%s","web","%s","%s"]' "$proxy" "$since" "$proxy" "$since" "$until")" "$(line)"
mv "$LINES" "$LINES.1"
kill -HUP "$LAB_AGENT"
check "after rotation and SIGHUP" wait_until 5 test -e "$LINES"
call "$VIP" >/dev/null
check "lines go to the new file" wait_until 5 grep -q '"event":"close"' "$LINES"
mv "$LINES" "$LINES.2"
check "without SIGHUP too, within a while" wait_until 6 test -e "$LINES"

section "without an agent"
hold kept "$VIP"
kept=$(last_seen s1)
kept_since=$(json whois "$kept" | jq -r '.[0].since')
agent_kill KILL
call "$REMOTE_VIP" >/dev/null
missed=$(last_seen s2)
agent_start
check_equal "what was open is" "$near null" "$(json whois "$kept" | jq -r '.[0] | "\(.client | sub("[]]?:[0-9]+$"; "") | sub("^[[]"; "")) \(.until)"')"
check_equal "since when it was" "$kept_since" "$(json whois "$kept" | jq -r '.[0].since')"
check_json "what came and went meanwhile is known" '.[0].service == "also" and .[0].until != null' "$(json whois "$missed")"
check_equal "and what was before" "$client" "$(whois_client "$proxy")"
check_equal "nothing was lost" 0 "$(metric proxip_nat_log_lost_total)"

section "a data plane that knows no NAT events"
agent_kill KILL
rm "$BPFFS/maps/nat_events"
agent_start
check_equal "is taken over: its connections are known" "$kept_since" "$(json whois "$kept" | jq -r '.[0].since')"
call "$REMOTE_VIP" >/dev/null
check "and new ones" wait_until 5 is_over "$(last_seen s2)"
let_go kept
check "the old one's end too" wait_until 5 is_over "$kept"

section "bounds"
flood 10000 20000
check_number "connections" "$(json conn count | jq .connections)" -ge 20000
last=$(json conn show --service names --limit 1 | jq -r '.[0].proxy')
lbctl conn del --service names >/dev/null
check "their ends are known" wait_until 10 is_over "$last"
check_number "the log is not larger than it may be" "$(du -bs "$STATE/nat-log" | cut -f1)" -le $((1048576 + 8192)) # and its folder
check_number "which metrics tell" "$(metric proxip_nat_log_bytes)" -gt 800000
check_exit "what was first is gone" 5 lbctl whois "tcp://$proxy"

section "changes"
configure 'destinations = true' 'json = "'"$LAB_DIR/collector"'"'
socat -u "UNIX-LISTEN:$LAB_DIR/collector" - >"$LAB_DIR/collected" &
wait_until 5 test -S "$LAB_DIR/collector"
check "apply" lbctl apply -f "$CONFIG"
call "$VIP" >/dev/null
nat_finding() { json doctor | jq -ec '[.findings[] | select(.check == "nat_log")] | .[0] // empty'; }
check_not "the doctor finds nothing wrong with the log" nat_finding
check "with destinations the VIP is known" wait_until 5 eval '[[ $(json whois "$(last_seen s1)" | jq -r ".[0].vip") == "$(with_port "$VIP" 80)" ]]'
check "and a socket can listen" wait_until 5 grep -q '"event":"close".*"vip":' "$LAB_DIR/collected"
configure 'json = "/dev/full"'
check "lines to a full disk" lbctl apply -f "$CONFIG"
call "$VIP" >/dev/null
check "are missed, as the doctor says" wait_until 5 nat_finding
check_json "with the way to look, and to begin anew" '.severity == "warning" and .subject == "nat_log.json" and (.what | contains("No space left"))
    and (.fix | startswith("ls -l /dev/full") and contains("kill -HUP"))' "$(nat_finding)"
configure 'enabled = false'
check "the log off" lbctl apply -f "$CONFIG"
hold off "$VIP"
off=$(last_seen s1)
check_json "an open connection is known all the same" '.[0].state == "open"' "$(json whois "$off")"
let_go off
gone() { [[ $(json conn show | jq -r --arg p "$off" '[.[] | select(.proxy == $p and .state != "closed")] | length') == 0 ]]; }
check "closed" wait_until 5 gone
check_exit "one that ended is not" 5 lbctl whois "$off"
check_match "and lbctl says why" "NAT log is off" "$ERR"
configure 'buffer = "64KiB"'
check_match "another buffer needs a restart" 'nat_log.buffer.*needs a restart' "$(lbctl diff -f "$CONFIG" || true)"

section "what is not heard"
agent_kill TERM
# shellcheck disable=SC2046
at lb lbagent $(agent_options) --detach
agent_start
agent_kill KILL
flood 10000 3000
agent_start
lost() { [[ $(metric proxip_nat_log_lost_total) -gt 0 ]]; }
check "is counted" wait_until 5 lost
check_equal "just so: a buffer of 64 KiB holds 1,024 events" $((3000 - 1023)) "$(metric proxip_nat_log_lost_total)"
warned() { json status | jq -r '.warnings[]' | grep -q 'events were lost'; }
check "and told" wait_until 5 warned
check_json "by the doctor, too, with what mends it" '.severity == "warning" and .subject == "nat_log.buffer" and (.what | contains("1977 since the data plane began: its buffer of 64KiB"))
    and (.fix | startswith("raise nat_log.buffer in "))' "$(nat_finding)"
check_equal "all connections are there, and known while they live" 3000 "$(json conn count --service names | jq .connections)"
check_json "one that was not heard of" '.[0].state == "open"' \
    "$(json whois "$(json conn show --service names --limit 0 | jq -r '.[-1].proxy')")"
finish
