#!/usr/bin/env bash
# Bad input: wrong files change nothing and are refused with place and expectation, bad company on the socket is no bother,
# exit codes say what happened, and the running configuration is file and hand.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

lab_open badfiles
switch switch
host lb s1 s2
plug switch lb 1.1.1.1/24
plug switch s1 1.1.1.11/24
plug switch s2 1.1.1.12/24

good() { # [SERVICE-LINE…]
    config_head
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 "$@"
}
good >"$CONFIG"
agent_start
dump_before=$(lbctl dump)
generation() { lbctl status -o json | jq .generation; }
generation_before=$(generation)
check_match "dump writes TOML with the service" 'tcp://1\.1\.1\.80:80' "$dump_before"

BAD=$LAB_DIR/bad.toml
refused() { # WHAT PLACE-REGEX EXPECTATION-REGEX: BAD is refused by validate, diff, apply and lbagent --check
    local command said
    for command in validate diff apply; do
        check_exit "$1: lbctl $command exits 1" 1 lbctl "$command" -f "$BAD"
        check_match "$1: $command names the place" "$2" "$ERR"
        check_match "$1: $command says what it expected" "$3" "$ERR"
        check_equal "$1: $command writes errors to stderr only" "" "$OUT"
    done
    check_exit "$1: from stdin too" 1 bash -c "lbctl apply -f - -o json <'$BAD'"
    check_json "$1: as JSON {error: {code, message, path}}" '.error | .code == "invalid" and (.message | length > 0) and has("path")' "$ERR"
    check_exit "$1: lbagent --check exits 1" 1 lbagent --config "$BAD" --check
    said=$OUT$ERR
    check_match "$1: lbagent names the place" "$2" "$said"
    check_equal "$1: the generation stays" "$generation_before" "$(generation)"
    check_equal "$1: what runs stays" "$dump_before" "$(lbctl dump)"
}
broken() { # SED-EXPRESSION: a good file with one thing wrong
    good | sed -E "$1" >"$BAD"
    ! cmp -s "$BAD" "$CONFIG"
}

section "wrong files"
broken 's/^scheduler.*//; s/^\[agent\]/[agent]\ninterfacez = ["eth0"]/'
refused "an unknown key" 'bad\.toml:2' 'interfacez'
broken 's/1\.1\.1\.80:80/1.1.1.380:80/'
refused "a bad address" 'bad\.toml:[0-9]+' '1\.1\.1\.380'
broken 's/1\.1\.1\.254/1.1.1.80/'
refused "a VIP that is a Proxy IP" 'service\[web\]|bad\.toml:[0-9]+|pool\[default\]' '1\.1\.1\.80'
broken 's/1024-65535/65535-1024/'
refused "reversed ports" 'bad\.toml:[0-9]+' '65535-1024'
broken 's/^address = "1\.1\.1\.11:80"/address = 80/'
refused "a number for an address" 'bad\.toml:[0-9]+' 'string'
broken 's/^(name = "web")/\1\n\1/'
refused "a key twice" 'bad\.toml:[0-9]+' 'name'
{ good; config_service other "tcp://$VIP:80" 1.1.1.11:80; } >"$BAD"
refused "two services on one address" 'service\[' 'web'
broken 's/^(name = "web")/\1\npool = "nosuch"/'
refused "a pool that is not there" 'service\[web\]|bad\.toml:[0-9]+' 'nosuch'
broken 's/^(name = "web")/\1\nscheduler = "random"/'
refused "an unknown scheduler" 'bad\.toml:[0-9]+' 'maglev'
good | head -c $(($(good | wc -c) - 5)) >"$BAD"
refused "a truncated file" 'bad\.toml:[0-9]+' '.'
head -c 4096 /dev/urandom >"$BAD"
refused "a binary file" 'bad\.toml' '.'
{ good; printf 'a\0b'; } >"$BAD"
refused "a file with a NUL" 'bad\.toml' '.'
check_exit "a file that is not there: exit 1" 1 lbctl apply -f "$LAB_DIR/nosuch.toml"
check_match "and which" 'nosuch\.toml' "$ERR"
check_exit "the good file is valid" 0 lbctl validate -f "$CONFIG"
check_exit "for lbagent --check too" 0 lbagent --config "$CONFIG" --check

section "bad company on the socket"
check "junk is refused" "$HARNESS/nuisance.py" "$SOCKET" junk
check "status answers after it" lbctl --timeout 2s status
mkfifo "$LAB_DIR/idle.in"
"$HARNESS/nuisance.py" "$SOCKET" idle 200 <"$LAB_DIR/idle.in" >"$LAB_DIR/idle.out" 2>&1 &
idle=$!
exec {idle_in}>"$LAB_DIR/idle.in"
check "200 clients hold connections" wait_until 5 grep -q 'held 200' "$LAB_DIR/idle.out"
check "status answers beside them" lbctl --timeout 2s status
check "so does apply" lbctl --timeout 2s apply -f "$CONFIG"
exec {idle_in}>&-
wait "$idle" || true
check_equal "the socket's mode is 0660" 660 "$(stat -c %a "$SOCKET")"

section "exit codes"
check_exit "an unknown command: 2" 2 lbctl nonsense
check_exit "a missing operand: 2" 2 lbctl service add
check_exit "an unknown option: 2" 2 lbctl status --nonsense
check_exit "no agent: 3" 3 lbctl --socket "$LAB_DIR/nosuch.sock" status
check_exit "no agent, as JSON: 3" 3 lbctl --socket "$LAB_DIR/nosuch.sock" -o json status
check_json "with its error" '.error.code == "unreachable"' "$ERR"
cp "$(command -v lbctl)" "$LAB_DIR/lbctl"
check_exit "another user: 4" 4 setpriv --reuid=65534 --regid=65534 --clear-groups "$LAB_DIR/lbctl" --socket "$SOCKET" status
check_exit "no such service: 5" 5 lbctl service del nosuch
check_exit "no such service to show: 5" 5 lbctl service show nosuch
check_exit "no such backend: 5" 5 lbctl backend del web 9.9.9.9:80
check_exit "no such pool: 5" 5 lbctl pool del nosuch
check_exit "no difference: 0" 0 lbctl diff -f "$CONFIG"
good 'scheduler = "round-robin"' >"$LAB_DIR/other.toml"
check_exit "a difference: 6" 6 lbctl diff -f "$LAB_DIR/other.toml"
check_match "and which" 'scheduler.*round-robin' "$OUT"
check_exit "not that generation: 7" 7 lbctl apply -f "$CONFIG" --if-generation 4711
check_exit "a dry run: 0" 0 lbctl apply -f "$LAB_DIR/other.toml" --dry-run
check_exit "changes nothing: 0" 0 lbctl diff -f "$CONFIG"
kill -STOP "$LAB_AGENT"
check_exit "an agent that does not answer: 8" 8 lbctl --timeout 1s status
kill -CONT "$LAB_AGENT"
check_equal "all that changed nothing" "$dump_before" "$(lbctl dump)"

section "dump | apply -f -"
check "by hand: another scheduler" lbctl service set web --scheduler round-robin
check "by hand: a weight" lbctl backend set web 1.1.1.11:80 --weight 3
check "by hand: a service" lbctl service add more "tcp://$VIP:8000" --backend 1.1.1.11:80,weight=2 --backend 1.1.1.12:80
dump_hand=$(lbctl dump)
check "dump | apply -f -" bash -c 'set -o pipefail; lbctl dump | lbctl apply -f -'
check_equal "changes nothing" "$dump_hand" "$(lbctl dump)"
check_exit "and leaves diff empty" 0 bash -c 'set -o pipefail; lbctl dump | lbctl diff -f -'
check_equal "empty: no line" "" "$(lbctl dump | lbctl diff -f - -o json | jq -r '.changes[]?')"
check "JSON is taken as well" bash -c 'set -o pipefail; lbctl dump -o json | lbctl apply -f -'
check_equal "and changes nothing" "$dump_hand" "$(lbctl dump)"

section "file and hand"
restart() { agent_kill TERM; agent_start; }
scheduler() { lbctl service show -o json | jq -r '.[] | select(.name == "web").scheduler'; }
admin() { lbctl backend show web -o json | jq -r ".[] | select(.address == \"$1\").admin"; }
check "the file again" lbctl apply -f "$CONFIG"
check_json "no drift after it" '.drift == false' "$(lbctl status -o json)"
check "a change by hand" lbctl service set web --scheduler round-robin
check "and an overlay" lbctl backend disable web 1.1.1.12:80
check_json "is drift" '.drift == true' "$(lbctl status -o json)"
restart
check_equal "survives a restart with the same file" round-robin "$(scheduler)"
check_equal "the overlay too" disabled "$(admin 1.1.1.12:80)"
check_json "and is still drift" '.drift == true' "$(lbctl status -o json)"
agent_kill KILL
agent_start
check_equal "survives kill -9 as well" round-robin "$(scheduler)"
good 'idle_timeout = { udp = "200s" }' >"$CONFIG"
: >"$LAB_DIR/agent.log"
restart
check_equal "a changed file is applied at start" maglev "$(scheduler)"
check_match "what that dropped of the hand's work is logged" 'scheduler' "$(grep -i -E 'hand|drop' "$LAB_DIR/agent.log" || true)"
check_json "no drift then" '.drift == false' "$(lbctl status -o json)"
check_equal "the overlay stays" disabled "$(admin 1.1.1.12:80)"
check "an apply" lbctl apply -f "$CONFIG"
check_equal "leaves the overlay" disabled "$(admin 1.1.1.12:80)"
sed 's/^address = "1.1.1.12:80"/&\nenabled = true/' "$CONFIG" >"$LAB_DIR/enabled.toml"
check "a file that sets enabled" lbctl apply -f "$LAB_DIR/enabled.toml"
check_equal "decides" enabled "$(admin 1.1.1.12:80)"
finish
