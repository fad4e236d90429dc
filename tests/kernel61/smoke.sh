#!/usr/bin/env bash
# Real traffic in little time, for the emulated guest: smoke.sh MODE [unprivileged]. The main job on one segment, lbctl trace, and the
# data plane without its agent. Unprivileged: the agent is nobody, with the four capabilities that the packaged unit gives it.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=$1

# The tracing programs load on this kernel, tell of a connection, and go again. In generic mode with a capture file, which is one more
# program (its links, tcx, are 6.6's: such a file has what came in).
check_trace() {
    local hook tracer
    hook=$(hook_program)
    if [[ $mode == native ]]; then
        lbctl --timeout 60s trace -o json tcp --service web >"$LAB_DIR/trace.out" 2>"$LAB_DIR/trace.err" &
    else
        lbctl --timeout 60s trace -w "$LAB_DIR/trace.pcap" tcp --service web 2>"$LAB_DIR/trace.err" &
    fi
    tracer=$!
    check "lbctl trace follows" wait_until 12 grep -q following "$LAB_DIR/trace.err"
    check_equal "by another program on the hook" trace_gate "$(bpftool -j prog show id "$(hook_program)" | jq -r .name)"
    check "a call is answered while it is traced" call s1 "$VIP/"
    [[ $mode == generic ]] || check "its SYN and the answer are told, both tuples" wait_until 5 told
    kill -INT "$tracer"
    check_exit "it ends" 0 wait "$tracer"
    if [[ $mode == generic ]]; then
        check_match "the file has them, as they came" "1.1.1.11.[0-9]+ > $VIP.80: Flags .S.*.80 > $PIP.[0-9]+: Flags .S\\." \
            "$(tcpdump -Z root -nr "$LAB_DIR/trace.pcap" 2>&1 | tr '\n' ' ')"
    fi
    as_before() { [[ $(hook_program) == "$hook" ]]; }
    check "the hook runs what it ran before" wait_until 5 as_before
}
hook_program() { ip -n "$LAB-lb" -j -d link show dev eth0 | jq -r '.[0].xdp.prog.id // .[0].xdp.attached[0].prog.id'; }
told() {
    jq -es 'any(.[]; .flags == "S" and .reason == "new" and .in.destination == "1.1.1.80:80" and (.out.source | startswith("1.1.1.254:")))
        and any(.[]; .flags == "SA" and .verdict == "forward" and .out.source == "1.1.1.80:80")' "$LAB_DIR/trace.out"
}

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
[[ ${2:-} == unprivileged ]] || check_trace
check "one more service" lbctl service add more "tcp://$VIP:81" --backend 1.1.1.11:80 --backend 1.1.1.12:80
agent_kill KILL
check_web s2 "$VIP" s1 s2
agent_start
check_number "the next agent knows the connections" "$(lbctl conn show -o json | jq length)" -ge 40
check "which can be changed" lbctl service add "again" "udp://$VIP:54" --backend 1.1.1.11:53 --backend 1.1.1.12:53
check_host_untouched
finish
