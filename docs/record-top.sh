#!/usr/bin/env bash
# Records docs/top.svg: lbctl top in a laboratory with two services, a few clients, and a server that dies meanwhile. As root.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../tests/harness/lab.sh"
source "$HARNESS/topology.sh"

lab_open record-top
network_up
head -c 200000 /dev/urandom >"$LAB_DIR/blob"
serve s1
serve s2
serve r1
{
    config_head 'max_connections = 4096'
    config_pool 20000-20999
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 '[service.check]' 'type = "tcp"' 'interval = "500ms"' 'fall = 1'
    config_service files "tcp://$VIP:81" 2.2.2.11:80
    config_service empty "tcp://$VIP:82" ""
} >"$CONFIG"
agent_start

ask() { # HOST PATH: until it is killed, a connection each
    while :; do at "$1" curl -s --max-time 3 "http://$VIP$2"; done >/dev/null 2>&1
}
ask near / &
ask far / &
ask s1 / &
ask near :81/blob &
ask far :81/blob &
while :; do at near curl -s "http://$VIP:82/" || sleep 1; done >/dev/null 2>&1 & # refused: a drop a second
mkfifo "$LAB_DIR/hold"
nsenter --net="$(netns far)" "$HARNESS/hold.py" "$VIP" 80 <"$LAB_DIR/hold" >/dev/null &
exec {hold}>"$LAB_DIR/hold"
echo "open 40" >&"$hold"

(sleep 11 && serve_stop s2) &
# Keys are typed two seconds after the last output; a space is none, and lets one more interval pass.
"$PROXIP_ROOT/docs/record.py" "$PROXIP_ROOT/docs/top.svg" --size 112x27 --keys '   s  bq' -- lbctl top -d 3s
