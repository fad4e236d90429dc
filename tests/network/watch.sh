#!/usr/bin/env bash
# Looking on: lbctl top, monitor and trace, while traffic runs. Of trace also that nothing of it stays behind.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open watch
network_up
serve s1
serve s2
configure() { # [KEY = VALUE of [agent] …]
    config_head "$@"
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 '[service.check]' 'type = "tcp"' 'interval = "300ms"' 'rise = 1' 'fall = 1'
    config_service empty "tcp://$VIP:81" ""
}
configure >"$CONFIG"
agent_start
serving() { [[ $(lbctl status -o json | jq .backends.up) == 2 ]]; }
check "both servers are up" wait_until 10 serving
check "curl works" at near curl -sS --max-time 3 "http://$VIP/"

program_of() { bpftool -j prog show "$@" | jq -r .tag; }
hook_program() { ip -n "$LAB-lb" -j -d link show dev eth0 | jq -r '.[0].xdp.prog.id // .[0].xdp.attached[0].prog.id'; }
hook_tag() { program_of id "$(hook_program)"; }
hook_name() { bpftool -j prog show id "$(hook_program)" | jq -r .name; }
instructions() { bpftool prog dump xlated id "$(hook_program)" opcodes | sha256sum; }
tag_before=$(hook_tag)
id_before=$(hook_program)
code_before=$(instructions)

section "top"
load() { # until it is killed: requests, one after the other
    while :; do at near curl -sS --max-time 3 "http://$VIP/"; done >/dev/null 2>&1
}
load &
load_pid=$!
mkfifo "$LAB_DIR/hold.in"
nsenter --net="$(netns near)" "$HARNESS/hold.py" "$VIP" 80 <"$LAB_DIR/hold.in" >"$LAB_DIR/hold.out" &
exec {hold_in}>"$LAB_DIR/hold.in"
echo "open 5" >&"$hold_in"
check "five connections are held" wait_until 5 grep -q '"opened": 5' "$LAB_DIR/hold.out"
top=$(lbctl top -o json -d 1s)
check_json "one object, over one interval" '.interval_seconds > 0.9 and .interval_seconds < 5' "$top"
check_json "the loaded service opens connections" '.services[] | select(.name == "web") | .connections_per_second > 1' "$top"
check_json "packets and bits, both ways" '.services[] | select(.name == "web") |
    .packets_per_second.in > 1 and .packets_per_second.out > 1 and .bits_per_second.in > 1000 and .bits_per_second.out > 1000' "$top"
check_json "the sum of its backends'" '.services[] | select(.name == "web") |
    ([.backends[].connections_per_second] | add) as $sum | ($sum - .connections_per_second) | fabs < 0.01' "$top"
check_json "the other one does not" '.services[] | select(.name == "empty") | .backends == [] and .connections == 0' "$top"
check_json "who it is" '.clients[0].address == "1.1.1.100" and .clients[0].connections >= 5 and .clients[0].proxy_ports > 5' "$top"
check_json "the pool and where it is fullest" '.pools[0] | .in_use >= 5 and .capacity > 100000 and (.fullest.endpoint | startswith("tcp://1.1.1.1"))' "$top"
lines=$(lbctl top -o json -d 200ms -n 3)
check_equal "--count 3: three lines" 3 "$(jq -c . <<<"$lines" | wc -l)"
check_match "off a terminal it is a table" 'SERVICE +BACKEND.*web +all.*CLIENT.*1\.1\.1\.100' "$(lbctl top -d 500ms | tr '\n' ' ')"
# On a terminal: its own screen, and the one before comes back, also when it is killed.
screen() { # HOW IT ENDS
    python3 - "$1" <<'PYTHON'
import os, pty, re, select, signal, subprocess, sys, time
how = sys.argv[1]
leader, follower = pty.openpty()
import fcntl, struct, termios
fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
before = termios.tcgetattr(follower)
env = dict(os.environ, TERM="xterm")
top = subprocess.Popen(["lbctl", "top", "-d", "200ms"], stdin=follower, stdout=follower, stderr=follower, env=env,
                       start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
seen = b""
deadline = time.time() + 20
def read(until):
    global seen
    while time.time() < deadline and not until(seen):
        if select.select([leader], [], [], 0.1)[0]:
            seen += os.read(leader, 65536)
read(lambda text: text.count(b"\x1b[H") >= 3 and b"1.1.1.100" in text)
print("entered" if b"\x1b[?1049h" in seen else "no screen")
if how == "q":
    os.write(leader, b"q")
elif how == "ctrl-c":
    os.write(leader, b"\x03")
else:
    os.kill(top.pid, getattr(signal, how))
code = top.wait(10)
read(lambda text: b"\x1b[?1049l" in text)
print("left" if seen.rstrip().endswith(b"\x1b[?1049l") else repr(seen[-80:]))
print("restored" if termios.tcgetattr(follower) == before else "terminal is changed")
print(code)
PYTHON
}
check_equal "q ends it, and the screen is as before" "entered left restored 0" "$(screen q | xargs)"
check_equal "so does Ctrl-C" "entered left restored -2" "$(screen ctrl-c | xargs)"
check_equal "and SIGTERM" "entered left restored -15" "$(screen SIGTERM | xargs)"
exec {hold_in}>&-
kill -TERM "$load_pid"
wait "$load_pid" 2>/dev/null || true

section "monitor"
following() { grep -q following "$1"; }
begin_monitor() { # NAME OPTION…
    local name=$1
    shift
    lbctl monitor -o json "$@" >"$LAB_DIR/$name.events" 2>"$LAB_DIR/$name.err" &
    MONITOR=$!
    wait_until 5 following "$LAB_DIR/$name.err"
}
event() { # NAME CONDITION: one of its events is so
    jq -es "any(.[]; $2)" "$LAB_DIR/$1.events"
}
begin_monitor all
all=$MONITOR
begin_monitor backends --type backend --count 2
backends=$MONITOR
started=$(now_ms)
serve_stop s1
check "a server goes: its backend is down" wait_until 5 event all '.type == "backend" and .state == "down" and .service == "web" and .backend == "1.1.1.11:80" and (.reason | length > 0)'
check_number "within two check intervals and what the machine adds" "$(($(now_ms) - started))" -le 2500
serve s1
check "it comes back: up" wait_until 5 event all '.type == "backend" and .state == "up" and .backend == "1.1.1.11:80"'
check_exit "--type and --count: those two, then the end" 0 wait "$backends"
check_equal "nothing else" "down up" "$(jq -rs 'map(.state) | join(" ")' "$LAB_DIR/backends.events")"
check "drain" lbctl backend drain web 1.1.1.12:80
check "is a change by hand" wait_until 5 event all '.type == "admin" and .state == "drain" and .backend == "1.1.1.12:80" and .by == "hand"'
check "with its generation, its caller and what changed" wait_until 5 event all '.type == "generation" and .by == "hand" and (.caller | startswith("uid 0, pid ")) and .changes[0].to == "drain"'
check "enable" lbctl backend enable web 1.1.1.12:80
configure 'max_connections = 4096' >"$LAB_DIR/next.toml"
check "apply" lbctl apply -f "$LAB_DIR/next.toml"
check "is told as one" wait_until 5 event all '.type == "generation" and .by == "apply"'
kill -HUP "$LAB_AGENT"
check "SIGHUP too" wait_until 5 event all '.type == "generation" and .by == "reload"'
check "and that the file is in force" event all '.type == "file" and .state == "applied"'
cp "$CONFIG" "$LAB_DIR/good.toml"
echo 'nonsense = ' >>"$CONFIG"
kill -HUP "$LAB_AGENT"
check "a wrong file: refused, and why" wait_until 5 event all '.type == "file" and .state == "refused" and (.reason | test("lb.toml:[0-9]+"))'
cp "$LAB_DIR/good.toml" "$CONFIG"
last=$(lbctl monitor -o json --last 3 --type backend,agent --for 100ms 2>/dev/null)
check_equal "--last tells what was before" "adopted up" "$(lbctl monitor -o json --last 500 --type agent,backend --for 100ms 2>/dev/null |
    jq -rs '[.[] | select(.type == "agent").state] + [.[-1].state] | join(" ")' | sed 's/started/adopted/')"
check_number "no more than were asked for" "$(jq -c . <<<"$last" | wc -l)" -eq 3
check_exit "in vain: exit 8" 8 lbctl monitor --type pressure --count 1 --for 200ms
check_exit "no such type: exit 2" 2 lbctl monitor --type weather
check_match "the error lists them" "backend, .*agent" "$ERR"

section "trace"
begin_trace() { # NAME OPTION…
    local name=$1
    shift
    lbctl trace "$@" >"$LAB_DIR/$name.out" 2>"$LAB_DIR/$name.err" &
    TRACE=$!
    wait_until 10 following "$LAB_DIR/$name.err" || cat "$LAB_DIR/$name.err" >&2
}
end_trace() { kill -INT "$TRACE" && wait "$TRACE"; }
back_to_normal() { [[ $(hook_program) == "$id_before" ]]; }
packet() { jq -es "any(.[]; $2)" "$LAB_DIR/$1.out"; }

begin_trace web -o json --client 1.1.1.100 --service web
check_equal "while it runs, its gate is on the hook" trace_gate "$(hook_name)"
check "curl works while it is traced" at near curl -sS --max-time 3 "http://$VIP/"
check "SYN: client to VIP, Proxy IP to server, forwarded as a new connection" wait_until 5 packet web '.flags == "S" and (.in.source | startswith("1.1.1.100:")) and .in.destination == "1.1.1.80:80" and
    (.out.source | startswith("1.1.1.254:")) and (.out.destination | test("^1.1.1.1[12]:80$")) and .verdict == "forward" and .reason == "new"'
check "SYN-ACK: server to Proxy IP, VIP to client" packet web '.flags == "SA" and (.in.source | test("^1.1.1.1[12]:80$")) and (.in.destination | startswith("1.1.1.254:")) and
    .out.source == "1.1.1.80:80" and (.out.destination | startswith("1.1.1.100:")) and .verdict == "forward" and .reason == "connection" and .direction == "out"'
check "FIN, in both directions" packet web '(.flags | test("F")) and .direction == "in"'
check "with the way out" packet web '.next_hop.interface == "eth0" and (.next_hop.mac | test("^[0-9a-f:]{17}$"))'
check_equal "of nobody else" 0 "$(jq -s '[.[] | select(.service != "web")] | length' "$LAB_DIR/web.out")"
check_exit "it ends with Ctrl-C" 0 end_trace
check "and the program is the one before" wait_until 5 back_to_normal
check_equal "with the same tag" "$tag_before" "$(hook_tag)"
check_equal "and the same instructions" "$code_before" "$(instructions)"

begin_trace drops --drops -n 1
check_not "a call to a service without backends" at near curl -sS --max-time 3 "http://$VIP:81/"
check_exit "is told, and that was enough" 0 wait "$TRACE"
check_match "with its reason and its answer" '\[S\] [0-9]+ B drop no_backend_available, answered with tcp-rst' "$(<"$LAB_DIR/drops.out")"
check_match "both tuples: the answer's too" '1\.1\.1\.100:[0-9]+ > 1\.1\.1\.80:81 => 1\.1\.1\.80:81 > 1\.1\.1\.100' "$(<"$LAB_DIR/drops.out")"

begin_trace capture -w "$LAB_DIR/trace.pcap" tcp --host 1.1.1.100
check "curl" at near curl -sS --max-time 3 "http://$VIP/"
check_not "no curl" at near curl -sS --max-time 3 "http://$VIP:81/"
sleep 0.3 # what was answered last is on its way to the file
check_exit "ends" 0 end_trace
check_match "it says how many" "[0-9]+ packets written, 0 lost" "$(<"$LAB_DIR/capture.err")"
text=$(tcpdump -nr "$LAB_DIR/trace.pcap" 2>&1)
check_match "tcpdump reads it: the SYN as it came" '1\.1\.1\.100\.[0-9]+ > 1\.1\.1\.80\.80: Flags \[S\]' "$text"
check_match "and as it left" '1\.1\.1\.254\.[0-9]+ > 1\.1\.1\.1[12]\.80: Flags \[S\]' "$text"
check_match "the RST too" '1\.1\.1\.80\.81 > 1\.1\.1\.100\.[0-9]+: Flags \[R' "$text"
check "scapy too: SYN in and out, to the nanosecond" /usr/bin/python3 - "$LAB_DIR/trace.pcap" <<'PYTHON'
import sys
from scapy.all import IP, TCP, rdpcap
syns = [f for f in rdpcap(sys.argv[1]) if TCP in f and f[TCP].flags == "S" and f[TCP].dport == 80]
assert {f[IP].src for f in syns} == {"1.1.1.100", "1.1.1.254"}, syns
assert any(int(f.time * 1000000000) % 1000 for f in syns), [f.time for f in syns]
PYTHON

section "two at once, limits, wrong words"
begin_trace first -o json --host 1.1.1.100
first=$TRACE
begin_trace second -o json --host 1.1.1.100
second=$TRACE
check "curl" at near curl -sS --max-time 3 "http://$VIP/"
for name in first second; do
    check "the $name one sees it" wait_until 5 packet "$name" '.flags == "SA" and .verdict == "forward"'
done
kill -KILL "$first"
wait "$first" 2>/dev/null || true
check "one is killed: the other goes on" at near curl -sS --max-time 3 "http://$VIP/"
kill -KILL "$second"
wait "$second" 2>/dev/null || true
check "both were killed: nothing stays" wait_until 5 back_to_normal
check_equal "no program of a trace is left" 0 "$(bpftool -j prog show | jq --arg a trace_gate --arg b trace_packet '[.[] | select(.name == $a or .name == $b)] | length')"
begin_trace limited -o json --host 1.1.1.100 --limit 10
for _ in 1 2 3 4 5; do at near curl -sS --max-time 3 "http://$VIP/" >/dev/null; done
check "above --limit is told as lost" wait_until 5 packet limited '.lost > 0'
end_trace || true
check_exit "no such service: exit 5" 5 lbctl trace --service nobody
check_exit "a wrong address: exit 2" 2 lbctl trace --host 1.1.1
check_match "which says where and what" "--host.*1\.1\.1.*expected" "$ERR"
check_exit "a snaplen that is too small: exit 1" 1 lbctl trace --snaplen 1

section "XDP redirect: the frame as it left is XDP's own"
# A frame that XDP redirects reaches a veth's peer when that has GRO on.
at switch ethtool -K lb gro on
check "monitor tells that packets leave another way" wait_until 10 event all '.type == "interface" and .state == "redirect" and .interface == "eth0"'
begin_trace redirected -o json --service web
check "curl works" at near curl -sS --max-time 3 "http://$VIP/"
check "both tuples, by redirect" wait_until 5 packet redirected '.flags == "S" and .next_hop.via == "redirect" and .out_length == .length and (.out.source | startswith("1.1.1.254:"))'
end_trace || true
begin_trace finished -w "$LAB_DIR/redirect.pcap" --client 1.1.1.100
check "curl" at near curl -sS --max-time 3 "http://$VIP/"
end_trace || true
check "what left has right checksums" /usr/bin/python3 - "$LAB_DIR/redirect.pcap" <<'PYTHON'
import sys
from scapy.all import IP, TCP, rdpcap
out = [f for f in rdpcap(sys.argv[1]) if TCP in f and f[IP].src == "1.1.1.254"]
assert len(out) > 3, len(out)
for f in out:
    said = (f[IP].chksum, f[TCP].chksum)
    del f[IP].chksum, f[TCP].chksum
    again = IP(bytes(f[IP]))
    assert f.wirelen > 256 or (again.chksum, again[TCP].chksum) == said, f
PYTHON

section "generic mode: the clsact way"
check "generic" lbctl apply -f - < <(configure 'xdp_mode = "generic"')
begin_trace generic -o json --service web
check "curl works" at near curl -sS --max-time 5 "http://$VIP/"
check "both tuples, by tc" wait_until 5 packet generic '.flags == "S" and .next_hop.via == "tc" and (.out.source | startswith("1.1.1.254:")) and (.out.destination | test("^1.1.1.1[12]:80$"))'
check "and the answer's" packet generic '.flags == "SA" and .out.source == "1.1.1.80:80" and (.out.destination | startswith("1.1.1.100:"))'
end_trace || true

section "the agent goes"
lbctl apply -f "$CONFIG" >/dev/null
begin_trace killed -o json --service web
agent_kill KILL
check_exit "lbctl trace ends with exit 3" 3 wait "$TRACE"
tracers() { bpftool -j prog show | jq '[.[] | select(.name == "trace_packet")] | length'; }
none_traces() { [[ $(tracers) == 0 ]]; }
check "the tracer is gone with its agent" wait_until 5 none_traces
check "and packets pass" at near curl -sS --max-time 3 "http://$VIP/"
check_exit "lbctl monitor ends with exit 3" 3 wait "$all"
agent_start
check_equal "the next agent puts its own program back" proxip_xdp "$(hook_name)"
check_equal "the same code" "$tag_before" "$(hook_tag)"
begin_trace ended -o json --service web
agent_kill TERM
check_exit "an agent that ends: exit 3" 3 wait "$TRACE"
check_equal "and its hook is as before" proxip_xdp "$(hook_name)"
check "packets pass" at near curl -sS --max-time 3 "http://$VIP/"
finish
