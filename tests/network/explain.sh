#!/usr/bin/env bash
# lbctl explain: first packets, replies, packets of connections, refusals. It forwards nothing, opens nothing, and leaves every pinned
# map as it was, byte for byte; and what it says is what the packet that follows meets.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

KEPT=1.1.1.91

lab_open explain
network_up
host aside
cable lb eth9 aside eth0
serve s1
serve s2
{
    config_head 'max_connections = 1024'
    config_pool 2000-2001
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 'scheduler = "round-robin"' 'affinity = "1h"'
    config_service kept "tcp://$KEPT:80" 1.1.1.12:80 'snat = "never"'
    config_service names "udp://$VIP:53" 1.1.1.11:53
} >"$CONFIG"
agent_start
mac() { ip -n "$LAB-$1" -j link show dev eth0 | jq -r '.[0].address'; }
maps() { "$HARNESS/maps.py" "$BPFFS/maps"; }

holder() { # a client that holds connections to the VIP
    mkfifo "$LAB_DIR/hold.in" "$LAB_DIR/hold.out"
    nsenter --net="$(netns near)" "$HARNESS/hold.py" "$VIP" 80 <"$LAB_DIR/hold.in" >"$LAB_DIR/hold.out" 2>"$LAB_DIR/hold.err" &
    exec {HOLD_IN}>"$LAB_DIR/hold.in" {HOLD_OUT}<"$LAB_DIR/hold.out"
}
hold() {
    echo "$*" >&"$HOLD_IN"
    read -r -t 60 -u "$HOLD_OUT" ANSWER || ANSWER='{}'
}

# The answer is left in SAID. Traffic stands still meanwhile, so nothing else changes a map.
explain() { # OPTION…
    local before
    before=$(maps)
    SAID=$(lbctl -o json explain "$@" 2>&1) || true
    check_equal "  every map is as it was after: explain $*" "$before" "$(maps)"
}

section "new packets"
check_number "there are maps to compare" "$(maps | wc -l)" -ge 25
before=$(maps)
check "a call" at near curl -sS --max-time 3 "http://$VIP/"
changed=$(comm -13 <(echo "$before") <(maps) | cut -d' ' -f1 | tr '\n' ' ')
check_match "a call changes maps" "affinity.*binding_live.*conn.*counters?.*ledger.*ring.*slot|binding_live.*conn.*ring.*slot" "$changed"
explain --from 1.1.1.11 --to "tcp://$VIP:80"
check_json "a first one is forwarded with a Proxy IP, and why" '.verdict == "forward" and .reason == "new" and .service == "web"
    and (.backend | IN("1.1.1.11:80", "1.1.1.12:80")) and .proxy == "1.1.1.254" and .snat_reason == "always" and .connection == null
    and .next_hop.interface == "eth0" and (.why | any(contains("snat is always")))' "$SAID"
explain --from 1.1.1.11:4000 --to "udp://$VIP:53"
check_json "UDP" '.verdict == "forward" and .backend == "1.1.1.11:53"' "$SAID"
explain --from 1.1.1.11 --to "tcp://$KEPT:80"
check_json "the client's address stays" '.verdict == "forward" and .proxy == null and .snat_reason == null' "$SAID"
explain --from 1.1.1.11 --to "tcp://$VIP:22"
check_json "a port without a service" '.verdict == "drop" and .reason == "service_not_found"' "$SAID"
explain --from 1.1.1.11 --to "tcp://$VIP:80" --flags ack
check_json "no SYN" '.verdict == "drop" and .reason == "tcp_no_connection" and .answer == "tcp-rst"' "$SAID"
explain --from 1.1.1.11 --to "tcp://1.1.1.1:22"
check_json "none of ours" '.verdict == "pass" and .reason == "not_ours"' "$SAID"
explain --from 1.1.1.11 --to "tcp://$VIP:80" --in eth9
check_json "an interface where nothing of ours runs" '.verdict == "pass" and .reason == "not_attached"' "$SAID"

section "connections"
holder
hold open 1
check_json "a connection stands" '.opened == 1' "$ANSWER"
one=$(lbctl -o json conn show --service web | jq -c '[.[] | select(.state == "established")][0]')
client=$(jq -r .client <<<"$one") proxy=$(jq -r .proxy <<<"$one") backend=$(jq -r .backend <<<"$one")
packets=$(jq -c .packets <<<"$one")
explain --from "$client" --to "tcp://$VIP:80" --flags ack
check_json "the client's next packet belongs to it" ".verdict == \"forward\" and .reason == \"connection\" and .proxy == \"$proxy\"
    and .backend == \"$backend\" and .connection == {direction: \"original\", client: \"$client\", vip: \"$VIP:80\", state: \"established\"}" "$SAID"
explain --from "$client" --to "tcp://$VIP:80"
check_json "and a SYN on its tuple does too" '.reason == "connection"' "$SAID"
explain --from "$backend" --to "tcp://$proxy"
check_json "a reply: whose, where to" ".verdict == \"forward\" and .reason == \"connection\" and .service == \"web\"
    and .connection.direction == \"reply\" and .connection.client == \"$client\" and .connection.vip == \"$VIP:80\"
    and .next_hop.mac == \"$(mac near)\" and .snat_reason == \"always\"" "$SAID"
other=$([[ $backend == 1.1.1.11:80 ]] && echo 1.1.1.12:80 || echo 1.1.1.11:80)
explain --from "$other" --to "tcp://$proxy"
check_json "not of another server" '.verdict == "drop" and .reason == "proxy_unsolicited" and .connection == null' "$SAID"
check_match "in words" "reason +proxy_unsolicited.*why +to a Proxy IP, but of no connection" \
    "$(lbctl explain --from "$other" --to "tcp://$proxy" | tr '\n' ' ')"
check_equal "its counters have not moved" "$packets" \
    "$(lbctl -o json conn show --service web | jq -c ".[] | select(.client == \"$client\").packets")"
check_match "and in a table" "connection +$client to $VIP:80, established: the packet is an answer of the backend" \
    "$(lbctl explain --from "$backend" --to "tcp://$proxy")"

section "refusals"
hold open 5 # both ports towards one of the servers, or towards both
explain --from 1.1.1.100:50000 --to "tcp://$VIP:80"
check_json "no port is left" '.verdict == "drop" and .reason == "proxy_ports_exhausted" and .answer == "tcp-rst"' "$SAID"
hold close
check "disable both" lbctl backend disable web 1.1.1.11:80 1.1.1.12:80
explain --from 1.1.1.11 --to "tcp://$VIP:80"
check_json "no backend, and the client is told" '.verdict == "drop" and .reason == "no_backend_available" and .answer == "tcp-rst"' "$SAID"
check_match "which is what happens" "connect to server|refused" "$(at s1 curl -sS --max-time 3 "http://$VIP/" 2>&1)"
check "enable them" lbctl backend enable web 1.1.1.11:80 1.1.1.12:80
explain --from 1.1.1.11 --to "tcp://$VIP:80"
check_json "and it forwards again" '.verdict == "forward"' "$SAID"

section "usage"
check_exit "UDP has no flags" 2 lbctl explain --from 1.1.1.11 --to "udp://$VIP:53" --flags syn
check_exit "flags that are none" 2 lbctl explain --from 1.1.1.11 --to "tcp://$VIP:80" --flags hurry
check_exit "an interface that is none" 1 lbctl explain --from 1.1.1.11 --to "tcp://$VIP:80" --in eth99
finish
