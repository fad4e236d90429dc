#!/usr/bin/env bash
# Links of 9,000 bytes: native XDP with frames that lie in several pages. jumbo.sh auto|native|generic [4|6].
FAMILY=${2:-4}
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=${1:-native}
MTU=9000
lab_open "jumbo$FAMILY-$mode"
traffic_up "$mode"
for name in lb s1 s2 near; do
    ip -n "$LAB-$name" link set dev eth0 mtu "$MTU"
    ip -n "$LAB-switch" link set dev "$name" mtu "$MTU"
done
agent_start

check_large() { # WHO
    local size result
    check_bulk "$1" "$VIP"
    for size in 1400 3600 5000 8900; do
        result=$(at "$1" "$HARNESS/ask.py" "$VIP" 53 10 "$size")
        check_equal "$1 gets 10 of 10 datagrams of $size bytes answered" 10 "$(jq .answered <<<"$result")"
    done
}

section "a segment of $MTU bytes, in $mode mode"
[[ $mode == auto ]] && mode=native
check_json "XDP runs in $mode mode" ".interfaces[0].xdp_mode == \"$mode\"" "$(lbctl -o json status)"
capture_start s1 whole "udp and port 53 and greater 5000"
check_large near
check_large s1
capture_stop whole
check_number "datagrams arrive in one piece" "$(wc -l <"$LAB_DIR/whole.capture")" -ge 10

section "traced"
hook_name() { ip -n "$LAB-lb" -j -d link show dev eth0 | jq -r '.[0].xdp.prog.id // .[0].xdp.attached[0].prog.id' | xargs bpftool -j prog show id | jq -r .name; }
following() { grep -q following "$LAB_DIR/trace.err"; }
trace_begin() { # OPTION…
    lbctl trace "$@" >"$LAB_DIR/trace.out" 2>"$LAB_DIR/trace.err" &
    TRACE=$!
    wait_until 10 following || cat "$LAB_DIR/trace.err" >&2
}
trace_end() { kill -INT "$TRACE" && wait "$TRACE"; }
packets() { jq -s "[.[] | select(.service == \"names\" and .verdict == \"forward\" and .length > 8900 and $1)] | length" "$LAB_DIR/trace.out"; }
all_told() { (($(packets true) >= 20)); }
trace_begin -o json udp --service names
check_equal "the gate is on the hook of a large link" trace_gate "$(hook_name)"
result=$(at near "$HARNESS/ask.py" "$VIP" 53 10 8900)
check_equal "10 of 10 datagrams of 8900 bytes are answered while it is traced" 10 "$(jq .answered <<<"$result")"
check "all are told, both ways" wait_until 5 all_told
check_equal "from the clients, with both tuples" 10 "$(packets '.direction == "in" and (.in.destination | endswith(":53")) and .out != null and .in.source != .out.source')"
check_equal "and to them" 10 "$(packets '.direction == "out"')"
check_exit "it ends" 0 trace_end
as_before() { [[ $(hook_name) == proxip_xdp ]]; }
check "and the hook is as before" wait_until 5 as_before

trace_begin -w "$LAB_DIR/jumbo.pcap" --snaplen 9216 udp --service names
check_equal "with a file" 10 "$(at near "$HARNESS/ask.py" "$VIP" 53 10 8900 | jq .answered)"
written() { (($(tcpdump -nr "$LAB_DIR/jumbo.pcap" 2>/dev/null | wc -l) >= 40)); }
check "each packet is written twice, as it came and as it left" wait_until 5 written
check_exit "it ends" 0 trace_end
check_match "nothing was lost" "packets written, 0 lost" "$(<"$LAB_DIR/trace.err")"
# Questions are hexadecimal digits; an answer is the question behind a few words.
check "which has the frames whole, from all of their pages" /usr/bin/python3 - "$LAB_DIR/jumbo.pcap" <<'PYTHON'
import re, sys
from scapy.all import UDP, rdpcap
frames = [f for f in rdpcap(sys.argv[1]) if UDP in f]
questions = [bytes(f[UDP].payload) for f in frames if f[UDP].dport == 53]
answers = [bytes(f[UDP].payload) for f in frames if f[UDP].sport == 53]
assert all(len(f) == f.wirelen for f in frames), [(len(f), f.wirelen) for f in frames]
assert len(questions) == 20 and len(set(questions)) == 10, (len(questions), len(set(questions)))
assert all(re.fullmatch(rb"[0-9a-f]{8900}", q) for q in questions), [len(q) for q in questions]
assert len(answers) == 20 and {a.split(b" ", 3)[3] for a in answers} == set(questions), len(answers)
PYTHON

section "a new agent takes the programs over"
agent_kill
agent_start
check_large near
check_json "in the same mode" ".interfaces[0].xdp_mode == \"$mode\"" "$(lbctl -o json status)"
drops=$(lbctl -o json drops)
check_json "nothing was dropped" '[.[]] | add == 0' "$drops"
agent_kill TERM
check "lbagent --detach takes everything down" at lb lbagent $(agent_options) --detach
check_equal "nothing is left on the interface" "" "$(ip -n "$LAB-lb" -details link show dev eth0 | grep -o 'xdp.*' || true)"
finish
