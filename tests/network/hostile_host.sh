#!/usr/bin/env bash
# The main job on a host that would spoil it if packets went through its stack: forwarding off, strict reverse-path filter,
# a forward chain that drops what conntrack calls invalid, and a masquerade. None of it is changed, none of it matters.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/traffic.sh"

mode=${1:-auto}
lab_open "hostile-$mode"
traffic_up "$mode"

hostile=(net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1)
at lb sysctl -qw "${hostile[@]}"
at lb nft -f - <<'RULES'
table inet filter {
    chain forward {
        type filter hook forward priority filter; policy accept;
        ct state invalid drop
    }
}
table ip nat {
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "eth0" masquerade
    }
}
RULES
sysctls() { at lb sysctl "${hostile[@]%=*}"; }
sysctls_before=$(sysctls)
rules_before=$(at lb nft list ruleset)

agent_start
check_all_traffic
check_host_untouched
check_equal "keeps its sysctls" "$sysctls_before" "$(sysctls)"
check_equal "keeps its ruleset" "$rules_before" "$(at lb nft list ruleset)"
finish
