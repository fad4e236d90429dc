#!/usr/bin/env bash
# In-line: the load balancer is the servers' default gateway. Needs root and a built tree, or
# examples/quickstart.sh inline.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=examples/lib.sh
source "$here/../lib.sh"
PROXY_IP=2.2.2.254

lab_open inline
host internet client lb
switch rack
host server1 server2
cable internet lb lb eth0
address internet lb 1.1.1.2/24
address lb eth0 1.1.1.1/24
cable internet client client eth0
address internet client 3.3.3.1/24
address client eth0 3.3.3.3/24
plug rack lb 2.2.2.1/24 eth1
plug rack server1 2.2.2.11/24
plug rack server2 2.2.2.12/24
forwarding internet
forwarding lb
gateway client 3.3.3.1
gateway lb 1.1.1.2
gateway server1 2.2.2.1
gateway server2 2.2.2.1
ip -n "$LAB-internet" route add 2.2.2.0/24 via 1.1.1.1
web_server server1
web_server server2
web_server client

title "In-line: the load balancer is the servers' gateway"
cat <<'PICTURE'
    client 3.3.3.3 ---- internet ---- 1.1.1.1 load balancer 2.2.2.1 ---- server1 2.2.2.11, server2 2.2.2.12
    VIP 1.1.1.80, Proxy IP 2.2.2.254. The servers' gateway is 2.2.2.1.
PICTURE
agent_run "$here/lb.toml"
run lbctl service show

part "without the Proxy IP"
run lbctl service set web --snat never
printf '\nclient$ curl http://%s/        # 20 times\n' "$VIP"
answers=$(browse_often client 20)
echo "$answers" | indent
must "the client's calls work, and the servers see its address: answers come back by the gateway" \
    test "$answers" = "10 x server1 answers 3.3.3.3"$'\n'"10 x server2 answers 3.3.3.3"
served=$(($(log_size server1) + $(log_size server2)))
capture_start server1 answered 'tcp port 80'
must "server1's calls of the VIP fail" failed_calls server1 2
capture_stop answered
note "what server1 was answered:"
captured answered '2\.2\.2\.12\.80 > .*Flags \[S\.\]' | indent
must "its neighbour answers past the load balancer, from an address that server1 never called" \
    grep -q '2\.2\.2\.12\.80 > 2\.2\.2\.11\.[0-9]*: Flags \[S\.\]' "$LAB_DIR/answered.capture"
must "none of these calls was served" test "$(($(log_size server1) + $(log_size server2)))" -eq "$served"

part "with the Proxy IP where it is needed"
run lbctl service set web --snat auto
printf '\nclient$ curl http://%s/        # 20 times\n' "$VIP"
answers=$(browse_often client 20)
echo "$answers" | indent
must "the client keeps its address" \
    test "$answers" = "10 x server1 answers 3.3.3.3"$'\n'"10 x server2 answers 3.3.3.3"
printf '\nserver1$ curl http://%s/        # 20 times\n' "$VIP"
answers=$(browse_often server1 20)
echo "$answers" | indent
must "server1 gets the Proxy IP, and all its calls work, also when it is sent to itself" \
    test "$answers" = "10 x server1 answers $PROXY_IP"$'\n'"10 x server2 answers $PROXY_IP"
run lbctl explain --from 3.3.3.3 --to "tcp://$VIP:80"
run lbctl explain --from 2.2.2.11 --to "tcp://$VIP:80"
must "the rule that decided is kept on each connection" \
    test "$(lbctl conn show --client 2.2.2.11 --limit 0 -o json | jq -r '[.[] | select(.proxy) | .snat_reason] | unique | join(" ")')" = hairpin
printf '\nserver1$ curl http://3.3.3.3/\n'
answers=$(at server1 curl -sS --noproxy '*' --max-time 5 http://3.3.3.3/ 2>&1)
echo "$answers" | indent
must "what is not for the VIP goes through the host, untouched" test "$answers" = "client answers 2.2.2.11"
