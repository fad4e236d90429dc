#!/usr/bin/env bash
# One-arm: the load balancer hangs beside the servers, behind their router. Needs root and a built tree, or
# examples/quickstart.sh one-arm.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=examples/lib.sh
source "$here/../lib.sh"

lab_open one-arm
switch switch
host router client lb server1 server2
plug switch router 1.1.1.2/24
plug switch lb 1.1.1.1/24
plug switch server1 1.1.1.11/24
plug switch server2 1.1.1.12/24
cable router outside client eth0
address router outside 3.3.3.1/24
address client eth0 3.3.3.3/24
forwarding router
gateway client 3.3.3.1
gateway lb 1.1.1.2
gateway server1 1.1.1.2
gateway server2 1.1.1.2
web_server server1
web_server server2

title "One-arm: the load balancer beside the servers"
cat <<'PICTURE'
    client 3.3.3.3 ---- router ---- one switch, 1.1.1.0/24
                        1.1.1.2     load balancer .1     server1 .11     server2 .12
    VIP 1.1.1.80, Proxy IP 1.1.1.254. Everybody's gateway is the router.
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
captured asked '> 1\.1\.1\.11\.80: Flags \[S\]' | indent
must "server1 got the client's own address, so it answers by its gateway, the router" \
    grep -q '3\.3\.3\.3\.[0-9]* > 1\.1\.1\.11\.80: Flags \[S\]' "$LAB_DIR/asked.capture"
note "what the client was answered:"
captured answered '1\.1\.1\.1[12]\.80 > .*Flags \[S\.\]' | indent
must "the answer comes from an address that the client never called" \
    grep -q '1\.1\.1\.11\.80 > 3\.3\.3\.3\.[0-9]*: Flags \[S\.\]' "$LAB_DIR/answered.capture"
must "no server has served anything" test "$(($(log_size server1) + $(log_size server2)))" -eq 0

part "with the Proxy IP"
run lbctl service set web --snat always
printf '\nclient$ curl http://%s/        # 20 times\n' "$VIP"
answers=$(browse_often client 20)
echo "$answers" | indent
must "20 of 20 calls work" \
    test "$answers" = "10 x server1 answers $PROXY_IP"$'\n'"10 x server2 answers $PROXY_IP"
printf '\nserver1$ curl http://%s/        # 20 times\n' "$VIP"
answers=$(browse_often server1 20)
echo "$answers" | indent
must "a server may call the VIP too" \
    test "$answers" = "10 x server1 answers $PROXY_IP"$'\n'"10 x server2 answers $PROXY_IP"
run lbctl conn show --client 3.3.3.3 --limit 4
run lbctl explain --from 3.3.3.3 --to "tcp://$VIP:80"
must "the servers' gateway is still the router" \
    test "$(ip -n "$LAB-server1" route show default)" = "default via 1.1.1.2 dev eth0 "
