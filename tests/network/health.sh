#!/usr/bin/env bash
# Health: what is ill, dead or gone gets no new connections, and soon; what is well again does; and a wrong check kills no site.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open health
network_up
KEPT=1.1.1.82
TRUSTED=1.1.1.83
TLS=1.1.1.84
ECHO=1.1.1.85
SLOW=1.1.1.86

# nginx, which is ill while the file sick-HOST is there; and, on the UDP port 53, a server of questions.
certificates() {
    (
        cd "$LAB_DIR"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/CN=lab'
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=www.example.org
        printf 'subjectAltName=DNS:www.example.org\n' >names
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
    ) >"$LAB_DIR/openssl.log" 2>&1
}

web_start() { # HOST
    local folder=$LAB_DIR/web-$1
    mkdir -p "$folder"
    cat >"$folder/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $folder/nginx.pid;
events {}
http {
    access_log off;
    server {
        listen 80;
        listen 443 ssl;
        ssl_certificate $LAB_DIR/server.pem;
        ssl_certificate_key $LAB_DIR/server.key;
        default_type text/plain;
        location / { return 200 "$1\n"; }
        location /healthz {
            if (-f $LAB_DIR/sick-$1) { return 503; }
            return 200 "well\n";
        }
        location /missing { return 404; }
    }
}
CONF
    nsenter --net="$(netns "$1")" nginx -p "$folder" -e "$folder/error.log" -c "$folder/nginx.conf" &
    eval "WEB_$1=\$!"
    wait_until 10 port_open "$1" 80 || { cat "$folder/error.log" >&2; return 1; }
}

web_stop() { # HOST: the process dies
    local pid="WEB_$1"
    kill -KILL "${!pid}" $(pgrep -P "${!pid}") # the master first: it would start another worker
    wait "${!pid}" 2>/dev/null || true
}

questions_start() { # HOST
    nsenter --net="$(netns "$1")" "$HARNESS/server.py" --name "$1" --http 8053 2>>"$LAB_DIR/$1.err" &
    eval "QUESTIONS_$1=\$!"
    wait_until 10 port_open "$1" 8053
}

questions_stop() { # HOST
    local pid="QUESTIONS_$1"
    kill -KILL "${!pid}"
    wait "${!pid}" 2>/dev/null || true
}

check_table() { # TYPE [KEY = VALUE …]
    printf '[service.check]\ntype = "%s"\ninterval = "500ms"\nfall = 2\nrise = 2\n' "$1"
    shift
    printf '%s\n' "$@"
}

certificates
for name in s1 s2 r1; do web_start "$name"; done
for name in s1 s2; do questions_start "$name"; done
BOTH=1.1.1.11:80,1.1.1.12:80
{
    config_head
    config_pool
    config_service web "tcp://$VIP:80" "$BOTH" 'scheduler = "round-robin"'
    printf '[[service.backend]]\naddress = "2.2.2.11:80"\nbackup = true\n'
    check_table http 'path = "/healthz"'
    config_service kept "tcp://$KEPT:80" "$BOTH" 'scheduler = "round-robin"' 'on_all_down = "keep-last"'
    check_table http 'path = "/healthz"'
    config_service trusted "tcp://$TRUSTED:80" "$BOTH" 'scheduler = "round-robin"' 'min_up = 1'
    check_table http 'path = "/healthz"'
    config_service tls "tcp://$TLS:443" 1.1.1.11:443,1.1.1.12:443
    check_table https 'path = "/healthz"' 'host = "www.example.org"' 'verify = true' "ca_file = \"$LAB_DIR/ca.pem\""
    config_service echo "tcp://$ECHO:80" "$BOTH"
    check_table icmp
    config_service names "udp://$VIP:53" 1.1.1.11:53,1.1.1.12:53
    check_table udp 'send = "?"' 'expect = "s"'
    config_service slow "tcp://$SLOW:80" "$BOTH" 'scheduler = "round-robin"' 'slow_start = "3s"'
} >"$CONFIG"
agent_start

json() { lbctl -o json "$@"; }
state() { json backend show "$1" "$2" | jq -r '.[0].state'; }
state_is() { [[ $(state "$1" "$2") == "$3" ]]; } # SERVICE BACKEND STATE
share() { json backend show "$1" "$2" | jq '.[0].share'; }
share_is() { jq -en "$(share "$1" "$2") $3" >/dev/null; } # SERVICE BACKEND CONDITION
last_check() { json backend show "$1" "$2" | jq -r '.[0].last_check'; }
call() { at near curl -sS --noproxy '*' --connect-timeout 1 --max-time 2 "http://${1:-$VIP}/" 2>&1; }
who() { # COUNT [VIP]: which servers answer that many calls, and how often
    local i
    for ((i = 0; i < $1; i++)); do call "${2:-$VIP}" || true; done | sort | uniq -c | awk '{ printf "%s%s x%d", (NR > 1 ? " " : ""), $2, $1 }'
}
warned() { json status | jq -e --arg text "$1" '.warnings | any(contains($text))' >/dev/null; }

# When the agent said so, in milliseconds.
log_ms() { # PATTERN: of the last such line
    date -d "$(grep -E "$1" "$LAB_DIR/agent.log" | tail -n 1 | cut -d' ' -f1)" +%s%3N
}
check_out() { # WHAT SERVICE BACKEND STARTED: out of rotation within 2 s of STARTED (ms)
    if ! wait_until 10 state_is "$2" "$3" down; then
        failed "$1" "still $(state "$2" "$3"), $(last_check "$2" "$3")"
        return
    fi
    local taken=$(($(log_ms "service $2: backend ${3//./\\.} is down") - $4))
    check_number "$1, after $taken ms" "$taken" -lt 2000
}

section "all are well"
all_checked() { json backend show | jq -e 'map(select(.service != "slow")) | all(.health == "up")'; }
check "each kind of check finds its servers up" wait_until 10 all_checked
check_match "http says what it got" '^HTTP 200 in [0-9.]+ ms$' "$(last_check web 1.1.1.11:80)"
check_match "https too" '^HTTP 200 in [0-9.]+ ms$' "$(last_check tls 1.1.1.11:443)"
check_match "icmp" '^answered in [0-9.]+ ms$' "$(last_check echo 1.1.1.11:80)"
check_match "udp" '^answered in [0-9.]+ ms$' "$(last_check names 1.1.1.11:53)"
check_equal "the backup stands aside" "s1 x5 s2 x5" "$(who 10)"
check_json "and has no share" 'map(.share) == [0.5, 0.5, 0]' "$(json backend show web)"

section "HTTP 503"
started=$(now_ms)
touch "$LAB_DIR/sick-s2"
check_out "a server that answers 503 is out" web 1.1.1.12:80 "$started"
check_equal "last_check says why" "HTTP 503, expected 200-399" "$(last_check web 1.1.1.12:80)"
check_equal "new connections go to the other" "s1 x10" "$(who 10)"
check_match "icmp finds it up" '^up$' "$(state echo 1.1.1.12:80)"
rm "$LAB_DIR/sick-s2"
check "recovery is noticed" wait_until 5 state_is web 1.1.1.12:80 up
check_equal "and it serves again" "s1 x5 s2 x5" "$(who 10)"

section "a dead process"
started=$(now_ms)
web_stop s2
check_out "it is out" web 1.1.1.12:80 "$started"
check_equal "last_check says why" "connection refused" "$(last_check web 1.1.1.12:80)"
check_equal "new connections go to the other" "s1 x10" "$(who 10)"
web_start s2
check "recovery is noticed" wait_until 5 state_is web 1.1.1.12:80 up

section "a vanished host"
started=$(now_ms)
ip -n "$LAB-s2" link set dev eth0 down
check_out "it is out for http" web 1.1.1.12:80 "$started"
check_out "for https" tls 1.1.1.12:443 "$started"
check_out "for icmp" echo 1.1.1.12:80 "$started"
check_out "for udp" names 1.1.1.12:53 "$started"
check_equal "new connections go to the other" "s1 x10" "$(who 10)"
ip -n "$LAB-s2" link set dev eth0 up
ip -n "$LAB-s2" route replace default via 1.1.1.2 # it went with the link
check "recovery is noticed" wait_until 10 state_is web 1.1.1.12:80 up
check "by each check" wait_until 10 all_checked

section "the backup stands in"
touch "$LAB_DIR/sick-s1" "$LAB_DIR/sick-s2"
check "one server is out" wait_until 5 state_is web 1.1.1.11:80 down
check "and the other" wait_until 5 state_is web 1.1.1.12:80 down
check_equal "the backup serves" "r1 x10" "$(who 10)"

section "none is left"
touch "$LAB_DIR/sick-r1"
check "the backup is out too" wait_until 5 state_is web 2.2.2.11:80 down
started=$(now_ms)
check_exit "a client is refused" 7 at near curl -sS --max-time 5 "http://$VIP/"
check_number "at once" $(($(now_ms) - started)) -lt 500
check "status says so" warned "service[web]: no backend is left"

section "a wrong check does not kill a site"
check "keep-last: status says so" wait_until 3 warned "service[kept]: none is up: those that were up last go on"
check_equal "both go on" "s1 x5 s2 x5" "$(who 10 "$KEPT")"
check_json "they are up, and their health is down" 'all(.state == "up" and .health == "down")' "$(json backend show kept)"
check "min_up: status says so" wait_until 3 warned "service[trusted]: fewer than min_up are up"
check_equal "all that are enabled go on" "s1 x5 s2 x5" "$(who 10 "$TRUSTED")"
rm "$LAB_DIR/sick-s2"
check "one is well again: keep-last ends" wait_until 5 state_is kept 1.1.1.11:80 down
check_equal "it has all" "s2 x10" "$(who 10 "$KEPT")"
check "min_up is met" wait_until 5 state_is trusted 1.1.1.11:80 down
check_equal "by it alone" "s2 x10" "$(who 10 "$TRUSTED")"
check "it is noticed" wait_until 5 state_is web 1.1.1.12:80 up
check_equal "and web has it before its backup" "s2 x10" "$(who 10)"
rm "$LAB_DIR/sick-s1" "$LAB_DIR/sick-r1"
check "all are well" wait_until 10 all_checked

section "a changed check does not flap what is up"
downs() { grep -c "service $1: backend .* is down" "$LAB_DIR/agent.log" || true; }
before=$(downs web)
check "another path" lbctl service set web --check-path "/healthz?again" --check-rise 3
check_json "both are up" '[.[] | select(.backup | not).state] == ["up", "up"]' "$(json backend show web)"
asked_again() { grep -q "." <<<"$(last_check web 1.1.1.11:80)"; }
check "it is asked" wait_until 3 asked_again
check_equal "nothing went down" "$before" "$(downs web)"
started=$(now_ms)
check "a check that is wrong" lbctl service set web --check-status 204
check_out "takes them down, but not with its first answer" web 1.1.1.11:80 "$started"
check_number "but after two" $(($(log_ms 'service web: backend 1\.1\.1\.11:80 is down') - started)) -ge 400
check "the right one" lbctl service set web --check-status 200-399
check "brings them up" wait_until 5 all_checked
before=$(downs slow)
check "a check where there was none, and it is wrong" lbctl service set slow --check http --check-path /missing --check-interval 500ms --check-fall 4
check_json "does not take down at once what serves" 'all(.state == "up")' "$(json backend show slow)"
check "off again" lbctl service set slow --check none
check_equal "nothing went down" "$before" "$(downs slow)"

section "a restart does not flap either"
touch "$LAB_DIR/sick-s2"
check "one is out" wait_until 5 state_is web 1.1.1.12:80 down
agent_kill KILL
check_equal "without an agent it stays out" "s1 x10" "$(who 10)"
agent_start
check_equal "with the next one it does" "s1 x10" "$(who 10)"
rm "$LAB_DIR/sick-s2"
check "and it is noticed when it is well" wait_until 5 state_is web 1.1.1.12:80 up

section "UDP goes to another server in the midst of a conversation"
coproc TALK { nsenter --net="$(netns near)" "$HARNESS/talk.py" "$VIP" 53; }
ask() { # the answer is left in ANSWER
    echo "how are you" >&"${TALK[1]}"
    read -r -t 5 -u "${TALK[0]}" ANSWER || ANSWER=
}
ask
first=$ANSWER
check_match "a server answers" '^s[12]$' "$first"
ask
check_equal "and again the same" "$first" "$ANSWER"
started=$(now_ms)
questions_stop "$first"
backend=$([[ $first == s1 ]] && echo 1.1.1.11:53 || echo 1.1.1.12:53)
answered_by_another() { ask && [[ $ANSWER =~ ^s[12]$ && $ANSWER != "$first" ]]; }
check "the same socket gets answers of the other server" wait_until 5 answered_by_another
printf '        after %d ms\n' $(($(now_ms) - started))
check_out "its check says so" names "$backend" "$started"
questions_start "$first"
check "it comes back" wait_until 5 state_is names "$backend" up
ask
check_match "the conversation stays where it is" "^s[12]$" "$ANSWER"
check_not "and not where it was" test "$ANSWER" = "$first"
{ kill "$TALK_PID" && wait "$TALK_PID"; } 2>/dev/null || true

section "slow start"
check_json "halves" 'map(.share) == [0.5, 0.5]' "$(json backend show slow)"
check "disable" lbctl backend disable slow 1.1.1.12:80
check "enable" lbctl backend enable slow 1.1.1.12:80
check "it begins with a tenth of its weight" share_is slow 1.1.1.12:80 "< 0.2"
check "more" wait_until 3 share_is slow 1.1.1.12:80 "> 0.3"
check "and ends with all of it" wait_until 5 share_is slow 1.1.1.12:80 "== 0.5"

section "certificates"
check "another name" lbctl service set tls --check-host www.example.com
check "is not theirs" wait_until 5 state_is tls 1.1.1.11:443 down
check_match "and told" '^TLS: the certificate does not hold: .*ostname mismatch$' "$(last_check tls 1.1.1.11:443)"
check "does not matter where it is not looked at" lbctl service set tls --no-check-verify
check "so they are up" wait_until 5 state_is tls 1.1.1.11:443 up

section "no trace is left on this host"
check_equal "no TIME_WAIT" "" "$(at lb ss -Htn state time-wait)"
finish
