#!/usr/bin/env bash
# Real traffic in little time, for the emulated guest: smoke.sh MODE [unprivileged]. The main job on one segment, and the data
# plane without its agent. Unprivileged: the agent is nobody, with the four capabilities that the packaged unit gives it.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=$1
lab_open "smoke-$mode"
if [[ ${2:-} == unprivileged ]]; then
    caps=+bpf,+net_admin,+perfmon,+net_raw
    chown 65534:65534 "$LAB_DIR"
    mkdir "$LAB_DIR/bin"
    cat >"$LAB_DIR/bin/lbagent" <<WRAPPER
#!/bin/bash
exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --inh-caps=-all,$caps --ambient-caps=-all,$caps \\
    --bounding-set=-all,$caps "$PROXIP_BIN/lbagent" "\$@"
WRAPPER
    chmod 755 "$LAB_DIR/bin/lbagent"
    export PATH=$LAB_DIR/bin:$PATH
fi
switch switch
host lb s1 s2
plug switch lb 1.1.1.1/24
plug switch s1 1.1.1.11/24
plug switch s2 1.1.1.12/24
head -c 3000000 /dev/urandom >"$LAB_DIR/blob"
head -c 5000000 /dev/urandom >"$LAB_DIR/upload"
serve s1
serve s2
{
    config_head "xdp_mode = \"$mode\""
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 'scheduler = "round-robin"'
    config_service names "udp://$VIP:53" 1.1.1.11:53,1.1.1.12:53 'scheduler = "round-robin"'
} >"$CONFIG"
agent_start
if [[ ${2:-} == unprivileged ]]; then
    check_match "the agent is nobody" "Uid:.65534.65534.*CapEff:.000000c000003000" \
        "$(tr '\n' ' ' <"/proc/$LAB_AGENT/status")"
fi
check_json "XDP runs in $mode mode" ".interfaces[0].xdp_mode == \"$mode\"" "$(lbctl -o json status)"
check_web s1 "$VIP" s1 s2
check_bulk s1 "$VIP"
check_udp s1 "$VIP"
check_ping s1 "$VIP" "$PIP"
check "one more service" lbctl service add more "tcp://$VIP:81" --backend 1.1.1.11:80 --backend 1.1.1.12:80
agent_kill KILL
check_web s2 "$VIP" s1 s2
agent_start
check_number "the next agent knows the connections" "$(lbctl conn show -o json | jq length)" -ge 40
check "which can be changed" lbctl service add "again" "udp://$VIP:54" --backend 1.1.1.11:53 --backend 1.1.1.12:53
check_host_untouched
finish
