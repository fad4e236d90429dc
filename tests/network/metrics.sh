#!/usr/bin/env bash
# /metrics as Prometheus' own tool reads it, with traffic on; no client stands in it; and what docs/ has for it is sound.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

PROMTOOL=${PROMTOOL:-promtool} # Debian: prometheus

lab_open metrics
network_up
serve s1
serve r1
{
    config_head
    config_pool
    config_service web "tcp://$VIP:80" 1.1.1.11:80,2.2.2.11:80 'scheduler = "round-robin"'
    printf '[service.check]\ntype = "tcp"\ninterval = "500ms"\n'
    config_service api "tcp://$REMOTE_VIP:80" 1.1.1.11:80,1.1.1.12:80
    printf '[service.check]\ntype = "tcp"\ninterval = "500ms"\nfall = 1\n'
} >"$CONFIG"
agent_start

metrics() { at lb curl -sS --noproxy '*' http://127.0.0.1:9631/metrics; }
value() { # NAME{LABELS}: summed over the lines that begin so
    metrics | awk -v name="$1" 'index($0, name) == 1 { sum += $NF } END { print sum + 0 }'
}
at_least() { (($(value "$1") >= $2)); }
call() { at "$1" curl -sS --noproxy '*' --connect-timeout 2 --max-time 2 "http://$2/"; }

section "what is counted"
for ((i = 0; i < 10; i++)); do call near "$VIP" && call far "$VIP"; done >/dev/null
at near curl -sS --noproxy '*' --max-time 1 "http://$VIP:81/" >/dev/null 2>&1 || true
check "connections of a backend" wait_until 5 at_least 'proxip_backend_connections_opened_total{service="web",backend="1.1.1.11:80"}' 10
check "bytes, both ways" at_least 'proxip_backend_bytes_total{service="web",backend="2.2.2.11:80",direction="out"}' 1000
check "a drop, by its reason" at_least 'proxip_drops_total{reason="service_not_found"}' 1
down() { [[ $(value 'proxip_backend_healthy{service="api",backend="1.1.1.12:80"}') == 0 ]]; }
check "a backend that is down" wait_until 10 down
nsenter --net="$(netns near)" bash -c 'exec 3<>"/dev/tcp/$1/80"; sleep infinity' - "$VIP" & # one that stays
check "ports of the Proxy IP" wait_until 5 at_least "proxip_proxy_ports_in_use{pool=\"default\",proxy=\"$PIP\"}" 1

section "as Prometheus reads it"
metrics >"$LAB_DIR/metrics.txt"
promtool_says() { # INPUT ARGUMENT…: nothing, and succeeds
    local input=$1 said
    shift
    said=$("$PROMTOOL" "$@" <"$input" 2>&1) && [[ -z $said ]] || { echo "$said"; return 1; }
}
check "promtool check metrics has nothing to say" promtool_says "$LAB_DIR/metrics.txt" check metrics
{
    printf 'groups:\n  - name: dashboard\n    rules:\n'
    jq -r '[.. | objects | select(has("expr")) | .expr] | unique | to_entries[] | "      - record: dashboard:\(.key)\n        expr: \(.value | gsub("\\$__rate_interval"; "5m") | tojson)"' \
        "$PROXIP_ROOT/docs/grafana-dashboard.json"
} >"$LAB_DIR/dashboard.yml"
check "every expression of docs/grafana-dashboard.json is one" "$PROMTOOL" check rules "$LAB_DIR/dashboard.yml"
check "and docs/alerts.yml" "$PROMTOOL" check rules "$PROXIP_ROOT/docs/alerts.yml"

section "clients stay private"
check_not "no client's address is in it" grep -E '1\.1\.1\.100|3\.3\.3\.3' "$LAB_DIR/metrics.txt"
check_equal "the labels are these" "backend direction event interface pool proxy reason service version xdp_mode" \
    "$(grep -v '^#' "$LAB_DIR/metrics.txt" | grep -oE '[{,][a-z_]+="' | tr -d '{,="' | sort -u | paste -sd ' ')"
finish
