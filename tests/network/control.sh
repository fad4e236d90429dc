#!/usr/bin/env bash
# lbctl: every command, in the shape that scripts rely on, and what each one does to traffic.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open control
network_up
# Servers whose gateway is the load balancer.
switch switch4
host i1 i2
plug switch4 lb 4.4.4.1/24 eth1
plug switch4 i1 4.4.4.11/24
plug switch4 i2 4.4.4.12/24
for name in i1 i2; do gateway "$name" 4.4.4.1; done
# An interface that another program holds.
host other
cable lb eth2 other eth0
for name in s1 s2 i1 i2; do serve "$name"; done

NONE=1.1.1.90
INLINE=1.1.1.91
AUTO=1.1.1.92
CHECKED=1.1.1.93
{
    printf '[agent]\ninterfaces = ["eth0", "eth1"]\ninline_networks = ["4.4.4.0/24"]\n'
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 'scheduler = "round-robin"'
    config_service spread "tcp://$VIP:8080" 1.1.1.11:80,1.1.1.12:80
    config_service names "udp://$VIP:53" 1.1.1.11:53
    config_service none-reset "tcp://$NONE:80" ""
    config_service none-udp "udp://$NONE:53" ""
    config_service none-drop "tcp://$NONE:81" "" 'on_failure = "drop"'
    config_service inline "tcp://$INLINE:80" 4.4.4.11:80 'snat = "auto"'
    config_service auto "tcp://$AUTO:80" 1.1.1.11:80 'snat = "auto"'
    config_service checked "tcp://$CHECKED:80" 1.1.1.11:80,1.1.1.12:80
    printf '[service.check]\ntype = "tcp"\ninterval = "200ms"\ntimeout = "200ms"\nrise = 2\nfall = 2\n'
} >"$CONFIG"

json() { lbctl -o json "$@"; }
call() { at "${2:-near}" curl -sS --noproxy '*' --connect-timeout 2 --max-time 5 "http://$1/" | cut -d' ' -f1,2; }
names() { # ADDRESS COUNT [HOST]: who answered, in order
    local i
    for ((i = 0; i < $2; i++)); do call "$1" "${3:-near}" 2>&1 | cut -d' ' -f1 || true; done
}
times() { grep -c "^$1\$" || true; }
drops() { json drops | jq ".$1"; }

section "start"
socat -u "UNIX-RECV:$LAB_DIR/notify" - >"$LAB_DIR/notify.out" 2>/dev/null &
wait_until 5 test -S "$LAB_DIR/notify"
NOTIFY_SOCKET=$LAB_DIR/notify agent_start
check "systemd is told READY=1" wait_until 5 grep -q READY=1 "$LAB_DIR/notify.out"

section "shapes"
check_json "status" '(.version | type == "string") and .ready == true and (.generation | type == "number") and .drift == false
    and (.uptime_seconds | type == "number") and .connections == 0 and .max_connections == 1048576
    and (.interfaces | length == 2 and all(has("name") and has("ifindex") and (.xdp_mode | . == "native" or . == "generic")))
    and (.backends | has("up") and has("down"))' "$(json status)"
check_equal "options may stand behind the command too" "$(json version)" "$(lbctl version -o json)"
check_json "version" '.version | type == "string"' "$(json version)"
check_json "service show" 'length == 9 and (map(select(.name == "web"))[0] | .address == "tcp://1.1.1.80:80"
    and .scheduler == "round-robin" and .snat == "always" and .pool == "default" and .connections == 0 and (.backends | length == 2))' \
    "$(json service show)"
check_json "service show NAME" 'length == 1 and .[0].name == "names"' "$(json service show names)"
for verb in ls list ""; do
    # shellcheck disable=SC2086
    check_equal "service $verb is service show" "$(json service show | jq -c 'map(.name)')" "$(json service $verb | jq -c 'map(.name)')"
done
check_json "backend show" 'all(has("service") and has("address") and (.weight | type == "number") and (.backup | type == "boolean")
    and (.state | IN("up", "down", "drain", "disabled", "leaving")) and (.health | IN("up", "down", "unknown"))
    and (.admin | IN("enabled", "drain", "disabled")) and (.connections | type == "number") and has("last_check"))' "$(json backend show)"
check_json "pool show" '.[0] | .name == "default" and .ports == "1024-65535" and (.addresses[0] | .address == "1.1.1.254" and has("in_use")
    and (.endpoints | type == "array"))' "$(json pool show)"
check_json "drops" 'has("proxy_ports_exhausted") and has("no_backend_available") and has("connection_table_full") and all(.[]; type == "number")' \
    "$(json drops)"
check_json "stats" 'length == 9 and all(has("service") and has("connections") and has("packets") and has("bytes"))' "$(json stats)"
check_json "stats SERVICE" 'length == 1 and .[0].service == "web"' "$(json stats web)"
check_json "conn show, empty" '. == []' "$(json conn show)"
check_json "conn count" '.connections == 0' "$(json conn count)"
for command in status version "service show" "backend show" "pool show" "conn show" stats drops dump; do
    # shellcheck disable=SC2086
    check_exit "lbctl $command, for people" 0 lbctl $command
    # shellcheck disable=SC2086
    check_exit "lbctl $command -o wide" 0 lbctl $command -o wide
done

section "connections"
mkfifo "$LAB_DIR/hold.in"
nsenter --net="$(netns near)" "$HARNESS/hold.py" "$VIP" 80 <"$LAB_DIR/hold.in" >"$LAB_DIR/hold.out" &
exec {hold_in}>"$LAB_DIR/hold.in"
echo "open 4" >&"$hold_in"
check "four connections are held" wait_until 5 grep -q '"opened": 4' "$LAB_DIR/hold.out"
check_json "conn show" 'length == 4 and all(.service == "web" and .protocol == "tcp" and (.client | startswith("1.1.1.100:"))
    and .vip == "1.1.1.80:80" and (.proxy | startswith("1.1.1.254:")) and (.backend | IN("1.1.1.11:80", "1.1.1.12:80"))
    and .state == "established" and .snat_reason == "always" and .age_seconds >= 0 and .idle_seconds >= 0
    and .packets.in >= 2 and .packets.out >= 1 and .bytes.in > 0 and .bytes.out > 0)' "$(json conn show)"
check_json "conn show --limit" 'length == 3' "$(json conn show --limit 3)"
check_json "conn show --backend" 'length == 2' "$(json conn show --backend 1.1.1.11:80)"
check_json "conn show --client" 'length == 0' "$(json conn show --client 1.1.1.12)"
check_json "conn show --service" 'length == 0' "$(json conn show --service spread)"
check_json "status counts them" '.connections == 4' "$(json status)"
check_json "service show too" '.[0].connections == 4 and (.[0].backends | map(.connections) == [2, 2])' "$(json service show web)"
check_json "pool show too" '.[0].addresses[0].in_use == 4' "$(json pool show)"
echo close >&"$hold_in"
check "closed ones are no longer counted" wait_until 5 bash -c '[[ $(lbctl conn count -o json | jq .connections) == 0 ]]'
exec {hold_in}>&-

section "scheduling"
answers=$(names "$VIP" 20)
check_equal "round-robin gives each ten of twenty" "10 10" "$(times s1 <<<"$answers") $(times s2 <<<"$answers")"
check_equal "in turns" "" "$(uniq -d <<<"$answers")"
answers=$(names "$VIP:8080" 40)
check_equal "maglev: all answered" 40 "$(grep -cE '^s[12]$' <<<"$answers")"
check_number "maglev spreads (s1)" "$(times s1 <<<"$answers")" -ge 6
check_number "maglev spreads (s2)" "$(times s2 <<<"$answers")" -ge 6
check "weight 3" lbctl backend set web 1.1.1.11:80 --weight 3
answers=$(names "$VIP" 20)
check_equal "3 to 1" "15 5" "$(times s1 <<<"$answers") $(times s2 <<<"$answers")"
check "weight 0" lbctl backend set web 1.1.1.11:80 --weight 0
check_equal "gets nothing new" 10 "$(names "$VIP" 10 | times s2)"
check "weight 1" lbctl backend set web 1.1.1.11:80 --weight 1
check "another scheduler" lbctl service set web --scheduler maglev
check_json "is shown" '.[0].scheduler == "maglev"' "$(json service show web)"
check "and back" lbctl service set web --scheduler round-robin

section "disable, enable"
generation=$(json status | jq .generation)
check "backend disable" lbctl backend disable web 1.1.1.11:80
check_json "is shown" '.[] | select(.address == "1.1.1.11:80") | .state == "disabled" and .admin == "disabled"' "$(json backend show web)"
check_equal "gets nothing new" 10 "$(names "$VIP" 10 | times s2)"
check_number "a change is a generation" "$(json status | jq .generation)" -gt "$generation"
check "backend enable" lbctl backend enable web 1.1.1.11:80
answers=$(names "$VIP" 10)
check_equal "serves again" "5 5" "$(times s1 <<<"$answers") $(times s2 <<<"$answers")"
generation=$(json status | jq .generation)
check "two at once" lbctl backend disable web 1.1.1.11:80 1.1.1.12:80
check_equal "make one generation" $((generation + 1)) "$(json status | jq .generation)"
start=$(now_ms)
check_exit "none left: a client is refused" 7 at near curl -sS --max-time 5 "http://$VIP/"
check_number "at once" $(($(now_ms) - start)) -lt 500
check "enabled again" lbctl backend enable web 1.1.1.11:80 1.1.1.12:80

section "on_failure"
before=$(drops no_backend_available)
start=$(now_ms)
check_exit "reset: TCP is refused" 7 at near curl -sS --max-time 5 "http://$NONE/"
check_number "at once" $(($(now_ms) - start)) -lt 500
check_number "and counted" "$(drops no_backend_available)" -gt "$before"
check_json "reset: UDP gets an ICMP error" '.refused >= 1 and .answered == 0' "$(at near "$HARNESS/ask.py" "$NONE" 53 2)"
check_exit "drop: a client hears nothing" 28 at near curl -sS --max-time 1.5 "http://$NONE:81/"

section "snat = auto"
check_equal "an inline server sees the client" "i1 1.1.1.100" "$(call "$INLINE")"
check_json "no Proxy IP, no reason" 'map(select(.client | startswith("1.1.1.100:"))) | length > 0 and all(.proxy == null and .snat_reason == null)' \
    "$(json conn show --service inline)"
check_equal "its neighbour comes by Proxy IP" "i1 1.1.1.254" "$(call "$INLINE" i2)"
check_json "for the reason hairpin" 'any(.[]; .snat_reason == "hairpin" and (.client | startswith("4.4.4.12:")))' "$(json conn show --service inline)"
check_equal "the server itself too" "i1 1.1.1.254" "$(call "$INLINE" i1)"
check_equal "a server past us sees the Proxy IP" "s1 1.1.1.254" "$(call "$AUTO")"
check_json "for the reason off-path" 'length > 0 and all(.[]; .snat_reason == "off-path")' "$(json conn show --service auto)"

section "health checks"
check_json "both are up" 'map(.health) == ["up", "up"] and all(.last_check != "")' "$(json backend show checked)"
check_json "no check: unknown, and in service" 'all(.state == "up")' "$(json backend show web)"
down_is() { [[ $(json status | jq .backends.down) == "$1" ]]; }
serve_stop s2
check "a killed server is noticed" wait_until 3 down_is 1
check_json "and shown" '.[] | select(.address == "1.1.1.12:80") | .state == "down" and .health == "down"' "$(json backend show checked)"
check_equal "it gets nothing new" 10 "$(names "$CHECKED" 10 | times s1)"
serve s2
check "and noticed when it is back" wait_until 3 down_is 0
answers=$(names "$CHECKED" 40)
check_number "it serves again" "$(times s2 <<<"$answers")" -ge 6

section "services, backends and pools by hand"
check "service add" lbctl service add hand "tcp://1.1.1.95:80" --backend 1.1.1.11:80 --backend 1.1.1.12:80,weight=2 --scheduler round-robin
answers=$(names 1.1.1.95 9)
check_equal "serves" "3 6" "$(times s1 <<<"$answers") $(times s2 <<<"$answers")"
check_exit "twice: refused" 1 lbctl service add hand "tcp://1.1.1.96:80"
check "backend add" lbctl backend add hand 4.4.4.11:80 4.4.4.12:80 --weight 5
check_json "is shown" 'map(select(.address | startswith("4.4.4."))) | length == 2 and all(.weight == 5)' "$(json backend show hand)"
check "backend del" lbctl backend del hand 4.4.4.11:80 4.4.4.12:80
check_equal "is gone" 2 "$(json service show hand | jq '.[0].backends | length')"
check "pool add" lbctl pool add second 1.1.1.240-1.1.1.243 --ports 5000-5999
check "pool set" lbctl pool set second --add 1.1.1.250 --remove 1.1.1.240-1.1.1.243 --ports 6000-6999
check_json "is shown" '.[0] | .ports == "6000-6999" and (.addresses | map(.address) == ["1.1.1.250"])' "$(json pool show second)"
check "a service takes it" lbctl service set hand --pool second
check_match "servers see its address" '^s[12] 1\.1\.1\.250$' "$(call 1.1.1.95)"
check_exit "a pool in use cannot go" 1 lbctl pool del second
check "service del" lbctl service del hand
check "pool del" lbctl pool del second
check_not "the service is dead" at near curl -sS --max-time 1 http://1.1.1.95/

section "metrics"
metrics() { at lb curl -sS --max-time 3 http://127.0.0.1:9631/metrics; }
page=$(metrics)
check_match "counts drops by reason" 'proxip_drops_total\{reason="no_backend_available"\} [0-9]' "$page"
check_match "knows the backends" 'proxip_backend_up\{service="web",backend="1.1.1.11:80"\} 1' "$page"
check_match "and the Proxy IP's ports" 'proxip_proxy_ports_in_use\{pool="default",proxy="1.1.1.254"\} [0-9]' "$page"
check_equal "no client is in it" 0 "$(grep -c '1\.1\.1\.100' <<<"$page" || true)"
if command -v promtool >/dev/null; then
    check_equal "promtool is content" "" "$(promtool check metrics <<<"$page" 2>&1)"
fi
nsenter --net="$(netns lb)" python3 -m http.server --bind 127.0.0.1 9632 >/dev/null 2>&1 &
other=$!
wait_until 5 port_open lb 9632
lbctl dump | sed 's/127.0.0.1:9631/127.0.0.1:9632/' >"$LAB_DIR/other.toml"
grep -q 9632 "$LAB_DIR/other.toml" || sed -i 's/^\[agent\]/[agent]\nmetrics = "127.0.0.1:9632"/' "$LAB_DIR/other.toml"
check "an address that is taken keeps nothing from its work" lbctl apply -f "$LAB_DIR/other.toml"
check_match "but is told" "cannot listen on 127.0.0.1:9632" "$(json status | jq -r '.warnings[]')"
kill "$other"
trouble_over() { at lb curl -sSf --max-time 1 http://127.0.0.1:9632/metrics; }
check "and served when it is free" wait_until 10 trouble_over
sed -i 's/127.0.0.1:9632/127.0.0.1:9631/' "$LAB_DIR/other.toml"
check "back" lbctl apply -f "$LAB_DIR/other.toml"
check_not "nothing listens where it did" trouble_over

section "explain"
mac() { ip -n "$LAB-$1" -j link show dev eth0 | jq -r '.[0].address'; }
check_json "a new connection" ".verdict == \"forward\" and .service == \"auto\" and .backend == \"1.1.1.11:80\" and .snat_reason == \"off-path\"
    and (.proxy | startswith(\"1.1.1.254\")) and .answer == null and .next_hop.interface == \"eth0\" and .next_hop.mac == \"$(mac s1)\"
    and (.next_hop.via | IN(\"redirect\", \"tc\"))" "$(json explain --from 1.1.1.100 --to "tcp://$AUTO:80")"
check_json "none left" '.verdict == "drop" and .reason == "no_backend_available" and .answer == "tcp-rst"' \
    "$(json explain --from 1.1.1.100:4000 --to "tcp://$NONE:80")"
check_json "not ours" '.verdict == "pass"' "$(json explain --from 1.1.1.100 --to tcp://1.1.1.1:22)"
check_json "explaining opens nothing" '.connections == 0' "$(json conn count --service auto)"

section "refusals"
cat >"$LAB_DIR/holder.c" <<'SOURCE'
__attribute__((section("xdp"), used)) int holds_the_hook(void *packet) { return 2; }
char the_license[] __attribute__((section("license"), used)) = "GPL";
SOURCE
clang -O2 -g -target bpf -c "$LAB_DIR/holder.c" -o "$LAB_DIR/holder.o"
at lb ip link set dev eth2 xdp obj "$LAB_DIR/holder.o" sec xdp
{
    printf '[agent]\ninterfaces = ["eth2"]\n'
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80
} >"$LAB_DIR/held.toml"
check_exit "a hook that another program holds is not taken" 1 at lb timeout 10 lbagent --config "$LAB_DIR/held.toml" \
    --socket "$LAB_DIR/held.sock" --state-dir "$LAB_DIR/held" --bpffs "$LAB_BPFFS_MOUNT/held"
check_match "its name is told" 'eth2.*holds_the_hook|holds_the_hook.*eth2' "$OUT$ERR"
check "it is still there" bash -c "ip -n $LAB-lb -d link show dev eth2 | grep -q holds_the_hook || bpftool prog show name holds_the_hook | grep -q xdp"
check_exit "a second agent on the same state is refused" 1 at lb timeout 10 lbagent --config "$CONFIG" \
    --socket "$LAB_DIR/second.sock" --state-dir "$STATE" --bpffs "$LAB_BPFFS_MOUNT/second"
check_match "with the pid of who has it" "$LAB_AGENT" "$OUT$ERR"
check "the first one works on" lbctl status
finish
