#!/usr/bin/env bash
# lbctl doctor: silent on a healthy host; names what was broken on purpose; what it prints as the fix mends it.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

KEPT=1.1.1.91
TIGHT=1.1.1.92

lab_open doctor
network_up
switch switch4
host far4
plug switch4 lb 4.4.4.1/24 eth1
plug switch4 far4 4.4.4.11/24
serve s1
serve s2
{
    config_head 'max_connections = 1024'
    config_pool
    printf '\n[[proxy_pool]]\nname = "tight"\naddresses = ["1.1.1.253"]\nports = "2000-2009"\n'
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 'scheduler = "round-robin"'
    printf '[service.check]\ntype = "tcp"\ninterval = "200ms"\n'
    config_service tight "tcp://$TIGHT:80" 1.1.1.12:80 'pool = "tight"'
} >"$CONFIG"
cp "$CONFIG" "$LAB_DIR/healthy.toml"
agent_start

doctor() { lbctl -o json doctor 2>/dev/null || true; } # an error makes it exit 1
found() { # CHECK [SUBJECT-REGEX]: the finding, if there is one
    doctor | jq -ec "[.findings[] | select(.check == \"$1\" and (.subject | test(\"${2:-}\")))] | .[0] // empty"
}
not_found() { ! found "$@"; }
well() { doctor | jq -e --arg check "$1" '.ok | index($check)'; }
checks_up() { [[ $(lbctl -o json backend show web | jq 'all(.health == "up")') == true ]]; }
# The command that the doctor prints, typed as it is.
mend() { # CHECK [SUBJECT-REGEX]
    local fix
    fix=$(found "$@" | jq -r .fix)
    echo "        \$ $fix"
    nsenter --net="$(netns lb)" bash -c "$fix" >"$LAB_DIR/fix.out" 2>&1
}

section "a healthy host"
wait_until 10 checks_up
check_exit "exit 0" 0 lbctl doctor
check_equal "nothing on stdout" "" "$OUT"
check_match "one line on stderr" "checks, nothing is wrong" "$ERR"
healthy=$(doctor)
check_json "no finding, and a list of checks that are well" '.findings == [] and (.ok | length) >= 22' "$healthy"

section "a server calls the VIP that it serves itself, without a Proxy IP"
check "snat never" lbctl service set web --snat never
for i in 1 2 3; do
    check_not "a hairpin fails ($i of 3)" at s1 curl -sS --max-time 1.5 "http://$VIP/"
done
check "the asymmetric server is named" wait_until 5 found asymmetric_return "^web: 1.1.1.12:80$"
check_exit "exit 1" 1 lbctl doctor
check_match "in words: who, why and what mends it" "error +web: 1.1.1.1[12]:80: .*no answer ever came back.*why .*A Proxy IP brings the answers back.*fix  lbctl service set web --snat always" \
    "$(tr '\n' ' ' <<<"$OUT")"
check_json "a finding has all its parts" '.severity == "error" and (.what | contains("1.1.1.11")) and .fix == "lbctl service set web --snat always"' \
    "$(found asymmetric_return)"
check "the fix, as it is printed" mend asymmetric_return
for i in 1 2 3 4; do check "a hairpin works ($i of 4)" at s1 curl -sS --max-time 3 "http://$VIP/"; done
check "and the doctor has nothing to say of it" well asymmetric_return
check_exit "exit 0 (drift is a note)" 0 lbctl doctor

section "who is not blamed"
check "snat never" lbctl service set web --snat never
check "and its connections of before do not count" well asymmetric_return
for i in 1 2; do check_not "a hairpin fails ($i of 2)" at s1 curl -sS --max-time 1.5 "http://$VIP/"; done
check "one server is named" wait_until 5 found asymmetric_return "^web: 1.1.1.12:80$"
check "and the other" wait_until 5 found asymmetric_return "^web: 1.1.1.11:80$"
check_json "one of them called itself" '.what | contains("which is the server itself")' "$(found asymmetric_return "^web: 1.1.1.11:80$")"
serve_stop s2
down() { [[ $(lbctl -o json backend show web 1.1.1.12:80 | jq -r '.[0].health') == down ]]; }
check "a server dies" wait_until 10 down
check "it is found to be down" found health "^web: 1.1.1.12:80$"
check "and not to be asymmetric any more" not_found asymmetric_return 1.1.1.12
serve s2
wait_until 10 checks_up
check "back" lbctl apply -f "$LAB_DIR/healthy.toml"
check_exit "exit 0" 0 lbctl doctor

section "a VIP that is also an address of the host"
ip -n "$LAB-lb" addr add "$VIP/32" dev lo
check "is found" wait_until 5 found local_address "^$VIP$"
check_json "with why: local traffic" '.severity == "warning" and (.why | contains("does not pass XDP"))' "$(found local_address)"
check "the fix" mend local_address
check "mends it" wait_until 5 well local_address
ip -n "$LAB-lb" route add local "$VIP" dev lo table local
check "so is a local route" wait_until 5 found local_address "^$VIP$"
check "the fix" mend local_address
check "mends it" wait_until 5 well local_address

section "an address that another host has"
host squatter
plug switch squatter 1.1.1.95/24
check "a service on it" lbctl service add taken tcp://1.1.1.95:80 --backend 1.1.1.11:80
check "is found, with the MAC" wait_until 5 found address_conflict "^1.1.1.95$"
check_json "of the other host" ".severity == \"error\" and (.what | contains(\"$(ip -n "$LAB-squatter" -j link show dev eth0 | jq -r '.[0].address')\"))" \
    "$(found address_conflict)"
check "the service goes" lbctl service del taken
check "and the conflict with it" wait_until 5 well address_conflict

section "a next hop that is not there"
check "a backend on an address that nobody has" lbctl backend add tight 1.1.1.99:80
check "is found" wait_until 10 found next_hop "^1.1.1.99$"
check_exit "exit 1" 1 lbctl doctor
check_json "and its backend named" '.severity == "error" and (.why | contains("1.1.1.99:80 (tight)"))' "$(found next_hop)"
check "the fix" mend next_hop
check "mends it" wait_until 5 well next_hop
check "it goes" lbctl backend del tight 1.1.1.99:80

section "a pool that is nearly full"
mkfifo "$LAB_DIR/hold.in" "$LAB_DIR/hold.out"
nsenter --net="$(netns near)" "$HARNESS/hold.py" "$TIGHT" 80 <"$LAB_DIR/hold.in" >"$LAB_DIR/hold.out" 2>"$LAB_DIR/hold.err" &
exec {HOLD_IN}>"$LAB_DIR/hold.in" {HOLD_OUT}<"$LAB_DIR/hold.out"
hold() {
    echo "$*" >&"$HOLD_IN"
    read -r -t 60 -u "$HOLD_OUT" ANSWER || ANSWER='{}'
}
hold open 8
check_json "8 of 10 ports" '.opened == 8' "$ANSWER"
check_json "a warning" '.severity == "warning" and (.what | startswith("8 of 10"))' "$(found proxy_ports "^tight towards tcp://1.1.1.12:80$")"
check_exit "exit 0" 0 lbctl doctor
hold open 3
check_json "all of them: an error" '.severity == "error"' "$(found proxy_ports)"
check_json "and the refused one is a drop of late" '.severity == "error" and (.what | startswith("1 packets"))' "$(found drops "^proxy_ports_exhausted$")"
check_equal "the fix names the pool" "lbctl pool set tight --add ADDRESS" "$(found proxy_ports | jq -r .fix)"
check "with an address put in its place" lbctl pool set tight --add 1.1.1.252
check "it is mended" well proxy_ports
hold close

section "an MTU that is too small"
check "a backend behind another interface" lbctl backend add tight 4.4.4.11:80
ip -n "$LAB-lb" link set dev eth1 mtu 1400
check "is found" wait_until 5 found mtu "^eth1$"
check "the fix" mend mtu
check "mends it" wait_until 5 well mtu
check "the backend goes" lbctl backend del tight 4.4.4.11:80

section "a file that is refused, and drift"
echo 'nonsense = 1' >>"$CONFIG"
kill -HUP "$LAB_AGENT"
check "a file that is wrong" wait_until 5 found config_file
cp "$LAB_DIR/healthy.toml" "$CONFIG"
kill -HUP "$LAB_AGENT"
check "and is mended" wait_until 5 well config_file
check "by hand" lbctl backend set tight 1.1.1.12:80 --weight 3
check_json "drift is a note" '.severity == "note"' "$(found drift)"
check "the fix" mend drift
check "is a file that says what runs" lbctl diff -f "$CONFIG"

section "the bpffs goes"
umount -l "$LAB_BPFFS_MOUNT" # the agent holds its folder
check_json "an error" '.severity == "error"' "$(found bpffs)"
mount -t bpf "bpf-$LAB" "$LAB_BPFFS_MOUNT"
check "an empty one is none either" found bpffs

section "no agent"
if [[ $(id -u) -eq 0 ]]; then
    chmod 755 "$LAB_DIR"
    check_exit "a user who may not" 4 setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v lbctl)" -o json doctor
    check_json "is told so" '[.findings[] | select(.check == "agent_socket")][0].what | contains("may not speak")' "$OUT"
fi
agent_kill KILL
check_exit "an agent that was killed" 3 lbctl -o json doctor
check_json "what lbctl can see by itself" '[.findings[].check] | index("agent_socket")' "$OUT"
check_json "the reason on stderr" '.error.code == "unreachable"' "$ERR"
check_match "nobody listens" "nobody listens on this socket" "$OUT"
check_exit "no socket at all" 3 lbctl --socket "$LAB_DIR/none.sock" doctor
check_match "is told" "there is no such socket" "$OUT"
finish
