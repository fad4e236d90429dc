#!/usr/bin/env bash
# The Debian package, on a machine with systemd: installed, configured, upgraded under traffic, removed, purged.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"
source "$HARNESS/machine.sh"

lab_open deb
PINS=/sys/fs/bpf/proxip

section "the packages"
package() { "$PROXIP_ROOT/packaging/build-deb.sh" --reuse --output "$LAB_DIR" "$@" | grep '\.deb$'; }
first=$(package)
next=$(package --version 99.0)
check "two versions" test -s "$first" -a -s "$next"
check_equal "lintian finds nothing" "" "$(lintian --allow-root --fail-on none --tag-display-limit 0 "$first" 2>&1)"
contents=$(dpkg-deb --contents "$first")
for file in usr/sbin/lbagent usr/bin/lbctl etc/proxip/lb.toml lib/systemd/system/proxip.service \
    lib/systemd/system/sys-fs-bpf-proxip.mount lib/sysusers.d/proxip.conf usr/share/man/man8/lbctl.8.gz \
    usr/share/man/man8/lbagent.8.gz usr/share/man/man5/lb.toml.5.gz usr/share/bash-completion/completions/lbctl \
    usr/share/zsh/vendor-completions/_lbctl usr/share/fish/vendor_completions.d/lbctl.fish; do
    check "it has $file" grep -qE " \./(usr/)?$file\$" <<<"$contents"
done

section "installed"
switch switch
host lb s1 s2 near
plug switch lb 1.1.1.1/24
plug switch s1 1.1.1.11/24
plug switch s2 1.1.1.12/24
plug switch near 1.1.1.100/24
serve s1
serve s2
machine_files "$first" "$next"
machine_boot lb
agent_pid() { in_machine systemctl show --property MainPID --value proxip; }
property() { in_machine systemctl show --property "$1" --value "${2:-proxip}"; }
status_of() { in_machine grep "^$1:" "/proc/$(agent_pid)/status" | cut -f 2; }
ready() { [[ $(in_machine lbctl status -o json 2>/dev/null | jq -r .ready) == true ]]; }
check "dpkg -i" in_machine dpkg -i "/srv/${first##*/}"
check "the service runs" wait_until 20 ready
check_equal "and will after a reboot" enabled "$(in_machine systemctl is-enabled proxip)"
check_json "it is attached to nothing" '.interfaces == []' "$(in_machine lbctl status -o json)"
check_equal "no XDP program" "" "$(ip -n "$LAB-lb" -o link | grep -o 'prog/xdp' || true)"
check_equal "its user" proxip "$(in_machine ps -o user= -p "$(agent_pid)")"
caps=$(printf '%016x' $((1 << 12 | 1 << 13 | 1 << 38 | 1 << 39))) # NET_ADMIN, NET_RAW, PERFMON, BPF
for set in CapPrm CapEff CapBnd CapAmb; do check_equal "$set: four capabilities" "$caps" "$(status_of "$set")"; done
check_equal "no new privileges" 1 "$(status_of NoNewPrivs)"
check_equal "a filter of system calls" 2 "$(status_of Seccomp)"
check "the units are sound" in_machine systemd-analyze verify --man=no \
    /lib/systemd/system/proxip.service /lib/systemd/system/sys-fs-bpf-proxip.mount
check "systemd-analyze security: at most 2.5" in_machine systemd-analyze security --threshold=25 proxip.service
check "the packaged file is right" in_machine lbagent --check

section "who may command it"
in_machine useradd --no-create-home stranger
in_machine useradd --no-create-home --groups proxip member
as() { in_machine setpriv --reuid "$1" --regid "$1" --init-groups "${@:2}"; }
check_exit "a member of the group" 0 as member lbctl status
check_exit "another user: exit 4" 4 as stranger lbctl status
check_match "and says why" "[Pp]ermission denied" "$ERR"
check_equal "the socket" "proxip:proxip 660" "$(in_machine stat -c '%U:%G %a' /run/proxip/lbagent.sock)"

section "configured, and reloaded"
write_config() { in_machine tee /etc/proxip/lb.toml >/dev/null; }
generation() { in_machine lbctl status -o json | jq .generation; }
{
    config_head
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 'scheduler = "round-robin"' '[service.check]' 'type = "http"' \
        'path = "/"' 'interval = "200ms"'
    config_service names "udp://$VIP:53" 1.1.1.11:53,1.1.1.12:53 '[service.check]' 'type = "icmp"' 'interval = "200ms"'
} | write_config
check "systemctl reload" in_machine systemctl reload proxip
attached() { [[ $(in_machine lbctl status -o json | jq -r '.interfaces[].name') == eth0 ]]; }
check "attached" wait_until 10 attached
all_up() { [[ $(in_machine lbctl status -o json | jq -c .backends) == '{"down":0,"up":4}' ]]; }
check "the health checks (http, icmp) find all up" wait_until 20 all_up
check_match "the VIP answers" "s[12]" "$(at near curl -sS --max-time 3 "http://$VIP/")"
check_json "explain" '.verdict == "forward"' \
    "$(in_machine lbctl explain --from 1.1.1.100 --to "tcp://$VIP:80" -o json)"
before=$(generation)
echo 'nonsense' | in_machine tee -a /etc/proxip/lb.toml >/dev/null
in_machine systemctl reload proxip || true
check "a wrong file: systemd is told" wait_until 10 eval 'property StatusText | grep -q "not reloaded"'
check_equal "and what ran runs on" "$before" "$(generation)"
check_match "the journal has it as an error" "not reloaded" \
    "$(in_machine journalctl --unit proxip --priority err --output cat)"
in_machine sed -i '/^nonsense$/d' /etc/proxip/lb.toml
in_machine systemctl reload proxip
check "mended" wait_until 10 eval 'property StatusText | grep -q ^generation'

section "under traffic"
for client in steady:80 gap:53; do
    name=${client%:*}
    mkfifo "$LAB_DIR/$name.in"
    nsenter --net="$(netns near)" "$HARNESS/$name.py" "$VIP" "${client#*:}" <"$LAB_DIR/$name.in" >"$LAB_DIR/$name.out" 2>&1 &
    printf -v "CLIENT_$name" '%s' $!
done
exec {steady_in}>"$LAB_DIR/steady.in" {gap_in}>"$LAB_DIR/gap.in"
check "clients start" wait_until 5 grep -q started "$LAB_DIR/steady.out" "$LAB_DIR/gap.out"
check_unharmed() { # WHAT
    printf '%s\n' "$1" >&"$gap_in"
    wait_until 5 grep -q "\"mark\": \"$1\"" "$LAB_DIR/gap.out" || true
    check_json "$1: no packet is lost" '.lost == 0' "$(grep "\"mark\": \"$1\"" "$LAB_DIR/gap.out")"
}
another_agent() { local pid; pid=$(agent_pid); [[ $pid != 0 && $pid != "$1" ]] && ready; }
pid=$(agent_pid)
check "restart" in_machine systemctl restart proxip
check "another agent" wait_until 20 another_agent "$pid"
check_unharmed restart
pid=$(agent_pid)
in_machine kill -KILL "$pid"
check "kill -9: another agent" wait_until 20 another_agent "$pid"
check_unharmed "kill -9"
in_machine systemctl stop proxip
check_match "stopped: the VIP answers" "s[12]" "$(at near curl -sS --max-time 3 "http://$VIP/")"
check "and the pins are there" in_machine test -e "$PINS/maps/control"
check_not "the mount cannot be stopped by hand" in_machine systemctl stop sys-fs-bpf-proxip.mount
check "started" in_machine systemctl start proxip
check_unharmed "stop and start"
pid=$(agent_pid)
check "upgrade: dpkg -i of the next version" in_machine dpkg -i "/srv/${next##*/}"
check "another agent" wait_until 20 another_agent "$pid"
check_unharmed upgrade
check "and room for more proxy ports" in_machine lbctl service add more "tcp://$VIP:81" --backend 1.1.1.11:80 \
    --backend 1.1.1.12:80 --check none
check_match "a new service answers" "s[12]" "$(at near curl -sS --retry 3 --retry-all-errors --max-time 3 "http://$VIP:81/" || true)"
in_machine lbctl service del more >/dev/null
check_json "it has the file of before, and its backends up" '.backends == {"up": 4, "down": 0} and (.interfaces | length) == 1' \
    "$(in_machine lbctl status -o json)"
in_machine mkdir -p /run/systemd/system/proxip.service.d
printf '[Service]\nWatchdogSec=1s\n' | in_machine tee /run/systemd/system/proxip.service.d/watchdog.conf >/dev/null
in_machine systemctl daemon-reload
in_machine systemctl restart proxip
wait_until 20 ready
pid=$(agent_pid)
in_machine kill -STOP "$pid"
check "an agent that hangs is replaced by the watchdog" wait_until 30 another_agent "$pid"
check_unharmed watchdog
printf 'stop\n' >&"$steady_in"
exec {steady_in}>&- {gap_in}>&-
wait_until 10 eval "! kill -0 $CLIENT_steady 2>/dev/null" || true
check_json "no request failed" '.failures == [] and .kept > 20 and .new > 20' "$(tail -n 1 "$LAB_DIR/steady.out")"

section "removed"
check "dpkg --remove" in_machine dpkg --remove proxip
check_equal "no XDP program" "" "$(ip -n "$LAB-lb" -o link | grep -o 'prog/xdp' || true)"
check_equal "no clsact" "" "$(at lb tc qdisc show | grep clsact || true)"
check_not "no bpffs" in_machine test -e "$PINS"
check_not "no agent" in_machine pgrep -x lbagent
check "the configuration stays" in_machine test -s /etc/proxip/lb.toml
check "the state stays" in_machine test -s /var/lib/proxip/state.json
check "installed again" in_machine dpkg -i "/srv/${next##*/}"
check "what ran is found" wait_until 20 all_up
check_match "the VIP answers" "s[12]" "$(at near curl -sS --max-time 3 "http://$VIP/")"
check "dpkg --purge" in_machine dpkg --purge proxip
check_equal "nothing on the interfaces" "" "$({ ip -n "$LAB-lb" -o link; at lb tc qdisc show; } | grep -oE 'prog/xdp|clsact' || true)"
for path in /etc/proxip /var/lib/proxip /run/proxip "$PINS"; do check_not "no $path" in_machine test -e "$path"; done
check_equal "no failed unit of ours" "" "$(in_machine systemctl list-units --failed --plain --no-legend 'proxip*' 'sys-fs-bpf-proxip*')"
finish
