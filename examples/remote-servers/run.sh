#!/usr/bin/env bash
# Scene 2: the servers are on another network than the load balancer. Needs root and a built tree; see
# examples/quickstart.sh.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=examples/lib.sh
source "$here/../lib.sh"

lab_open remote
host lb internet client
switch rack
host server1 server2
cable internet lb lb eth0
address internet lb 1.1.1.2/24
address lb eth0 1.1.1.1/24
cable internet client client eth0
address internet client 3.3.3.1/24
address client eth0 3.3.3.3/24
plug rack internet 2.2.2.1/24 rack
plug rack server1 2.2.2.11/24
plug rack server2 2.2.2.12/24
forwarding internet
gateway lb 1.1.1.2
gateway client 3.3.3.1
gateway server1 2.2.2.1
gateway server2 2.2.2.1
web_server server1
web_server server2

title "Scene 2: the servers are on another network"
cat <<'PICTURE'
    client 3.3.3.3 ---- internet ---- load balancer 1.1.1.1      VIP 1.1.1.80, Proxy IP 1.1.1.254
                           |
                           +--------- server1 2.2.2.11, server2 2.2.2.12
PICTURE
agent_run "$here/lb.toml"
run lbctl service show

part "without the Proxy IP"
run lbctl service set web --snat never
capture_start server1 asked 'tcp port 80'
capture_start client answered 'tcp port 80'
must "the client's calls fail" failed_calls client 2
capture_stop asked
capture_stop answered
note "what server1 was asked (tcpdump):"
captured asked '> 2\.2\.2\.11\.80: Flags \[S\]' | indent
must "server1 got the client's own address, and its answer takes another way home" \
    grep -q '3\.3\.3\.3\.[0-9]* > 2\.2\.2\.11\.80: Flags \[S\]' "$LAB_DIR/asked.capture"
note "what the client was answered:"
captured answered '2\.2\.2\.1[12]\.80 > .*Flags \[S\.\]' | indent
must "the answer comes from an address that the client never called" \
    grep -q '2\.2\.2\.11\.80 > 3\.3\.3\.3\.[0-9]*: Flags \[S\.\]' "$LAB_DIR/answered.capture"
must "no server has served anything" test "$(($(log_size server1) + $(log_size server2)))" -eq 0

part "with the Proxy IP"
run lbctl service set web --snat always
printf '\nclient$ curl http://%s/        # 20 times\n' "$VIP"
answers=$(browse_often client 20)
echo "$answers" | indent
must "20 of 20 calls work" \
    test "$answers" = "10 x server1 answers $PROXY_IP"$'\n'"10 x server2 answers $PROXY_IP"
note "server1's access log, last line:"
tail -n 1 "$LAB_DIR/server1/access.log" | indent
run lbctl conn show --limit 4
