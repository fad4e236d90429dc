#!/usr/bin/env bash
# Many services: 1,000 of ten backends each, and as many as there may be. Asserts that all of them are there; the times are
# printed, since they are the machine's.    tests/network/scale.sh [SERVICES] [BACKENDS]
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

SERVICES=${1:-1000}
BACKENDS=${2:-10}

lab_open scale
network_up
serve r1
at router ip addr add 20.0.0.1/8 dev eth1 # the many servers: one of them answers

# Few ports for each of so many endpoints: 2 bytes x ports x endpoints.
many() { # SERVICES BACKENDS
    config_head 'max_port_memory = "512MiB"'
    config_pool 1024-2047
    awk -v services="$1" -v backends="$2" 'BEGIN {
        for (s = 0; s < services; ++s) {
            printf "\n[[service]]\nname = \"s%d\"\naddress = \"tcp://5.0.%d.%d:80\"\n", s, s / 250, s % 250 + 1
            for (b = 0; b < backends; ++b) {
                n = s * backends + b
                printf "[[service.backend]]\naddress = \"20.%d.%d.%d:80\"\n", n / 62500 + 1, n / 250 % 250, n % 250 + 1
            }
        }
    }'
}
{
    config_head
    config_pool 1024-2047
    config_service web "tcp://$VIP:80" 2.2.2.11:80
} >"$CONFIG"
many "$SERVICES" "$BACKENDS" >"$LAB_DIR/many.toml"
config_service web "tcp://$VIP:80" 2.2.2.11:80 >>"$LAB_DIR/many.toml"

json() { lbctl -o json "$@"; }
timed() { # WHAT COMMAND…: prints how long it took
    local what=$1 start code=0
    shift
    start=$(now_ms)
    "$@" >"$LAB_DIR/timed.out" 2>"$LAB_DIR/timed.err" || code=$?
    printf '        %-44s %6d ms\n' "$what" $(($(now_ms) - start))
    ((code == 0)) || failed "$what" "exit $code: $(<"$LAB_DIR/timed.err")"
}
rss() { awk '/VmRSS|RssAnon/ { printf "        %-44s %6d MB\n", $1 == "VmRSS:" ? "resident memory of the agent" : "  of which its own (the rest is the tables)", $2 / 1024 }' "/proc/$LAB_AGENT/status"; }
works() { at far curl -sS --max-time 2 "http://$VIP/"; }

agent_start
section "$SERVICES services of $BACKENDS backends"
check "one works before" works
timed "apply" lbctl apply -f "$LAB_DIR/many.toml"
check "it works after" works
check_equal "all services are there" $((SERVICES + 1)) "$(json service show | jq length)"
check_equal "all backends are there" $((SERVICES * BACKENDS + 1)) "$(json backend show | jq length)"
timed "one change (a weight)" lbctl backend set web 2.2.2.11:80 --weight 2
timed "one change (a new backend)" lbctl backend add s1 20.200.0.1:80
timed "one change (it is removed)" lbctl backend del s1 20.200.0.1:80
timed "service show -o json" lbctl service show -o json
timed "backend show -o json" lbctl backend show -o json
timed "status" lbctl status
timed "dump" lbctl dump
page() { at lb curl -sS --noproxy '*' "http://127.0.0.1:9631/status.json$1"; }
timed "the status page's data" page ""
printf '        %-44s %6d kB\n' "  its size" $(($(stat -c %s "$LAB_DIR/timed.out") / 1024))
check_json "is of 100 services and 1,000 backends at most, and tells of the others" \
    ".services.matching == $((SERVICES + 1)) and (.services.shown | length) <= 100 and ([.services.shown[].backends | length] | add) <= 1000" "$(<"$LAB_DIR/timed.out")"
timed "  the same, found by the last backend's address" page "?find=2.2.2.11:80"
check_json "which is in one" '[.services.shown[].name] == ["web"]' "$(<"$LAB_DIR/timed.out")"
timed "/metrics" at lb curl -sS --noproxy '*' http://127.0.0.1:9631/metrics
timed "diff (of no difference to what runs but a weight)" bash -c 'lbctl diff -f "$1" >/dev/null || (($? == 6))' - "$LAB_DIR/many.toml"
rss
check "back to the file's weight" lbctl backend set web 2.2.2.11:80 --weight 1
check_exit "dump | apply changes nothing" 0 bash -c 'lbctl dump | lbctl diff -f -'
generation=$(json status | jq .generation)
agent_kill KILL
timed "a restart, until it is ready" agent_start
check_equal "adopts the generation" "$generation" "$(json status | jq .generation)"
check_equal "and all services" $((SERVICES + 1)) "$(json service show | jq length)"
check "and works" works
rss
seq 1 "$SERVICES" | sed 's/.*/backend set s& 20.0.0.0:80 --weight 2/' | awk -v backends="$BACKENDS" '{
    s = substr($3, 2) - 1; n = s * backends; $3 = "s" s; $4 = sprintf("20.%d.%d.%d:80", n / 62500 + 1, n / 250 % 250, n % 250 + 1); print }' \
    >"$LAB_DIR/weights.txt"
timed "batch of a change of each service" lbctl batch -f "$LAB_DIR/weights.txt"
timed "apply of the file before" lbctl apply -f "$CONFIG"
check "which works" works
rss

section "limits"
many 10000 1 >"$LAB_DIR/too-many.toml"
check_exit "10,000 services are too many" 1 lbctl apply -f "$LAB_DIR/too-many.toml"
check_match "and the limit is told" '10000 services, expected at most 8192' "$ERR"
finish
