#!/usr/bin/env bash
# Scene 1: a server calls the VIP that it serves itself. Needs root and a built tree; see examples/quickstart.sh.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=examples/lib.sh
source "$here/../lib.sh"

lab_open hairpin
switch switch
host lb server1 server2
plug switch lb 1.1.1.1/24
plug switch server1 1.1.1.11/24
plug switch server2 1.1.1.12/24
web_server server1
web_server server2

title "Scene 1: a server calls the VIP that it serves itself"
cat <<'PICTURE'
    one switch, 1.1.1.0/24:    load balancer .1     server1 .11     server2 .12
    VIP 1.1.1.80, Proxy IP 1.1.1.254: on the load balancer, and addresses of no host
PICTURE
agent_run "$here/lb.toml"
run lbctl service show

part "without the Proxy IP"
run lbctl service set web --snat never
capture_start server2 asked 'tcp port 80'
capture_start server1 answered 'tcp port 80'
must "server1's calls fail" failed_calls server1 2
capture_stop asked
capture_stop answered
note "what server2 was asked (tcpdump):"
captured asked '> 1\.1\.1\.12\.80: Flags \[S\]' | indent
must "server2 got the client's own address, so it answers past the load balancer" \
    grep -q '1\.1\.1\.11\.[0-9]* > 1\.1\.1\.12\.80: Flags \[S\]' "$LAB_DIR/asked.capture"
note "what server1 was answered:"
captured answered '1\.1\.1\.12\.80 > .*Flags \[S\.\]' | indent
must "the answer comes from an address that server1 never called" \
    grep -q '1\.1\.1\.12\.80 > 1\.1\.1\.11\.[0-9]*: Flags \[S\.\]' "$LAB_DIR/answered.capture"
must "no server has served anything" test "$(($(log_size server1) + $(log_size server2)))" -eq 0

part "with the Proxy IP"
run lbctl service set web --snat always
printf '\nserver1$ curl http://%s/        # 20 times\n' "$VIP"
answers=$(browse_often server1 20)
echo "$answers" | indent
must "20 of 20 calls work, also when server1 is sent to itself" \
    test "$answers" = "10 x server1 answers $PROXY_IP"$'\n'"10 x server2 answers $PROXY_IP"
note "server2's access log, last line:"
tail -n 1 "$LAB_DIR/server2/access.log" | indent
run lbctl conn show --limit 4
must "the VIP and the Proxy IP are not addresses of the load balancer's host" \
    bash -c "! ip -n $LAB-lb addr | grep -qE '$VIP|$PROXY_IP'"
