#!/usr/bin/env bash
# The tests, one command:  tests/run.sh            as root, on Debian 12; installs what is missing and builds first
#                          tests/run.sh NAME…      only these
#                          tests/run.sh -l         their names
# One line a test; of one that fails also the end of its log (all logs: build/tests/). The last line counts.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
logs=$root/build/tests
bin=$root/build/release/bin
SKIPPED=77

# name | at most so many seconds | quick: may run beside others; busy: keeps a core busy, runs at low priority; late: likewise, beside those, after the quick ones; asked: likewise, but only by name | what it is
catalogue() {
    cat <<'TESTS'
format        |  60 | quick | clang-format agrees with every C++ file
bpf-stack     |  60 | quick | the BPF stack as Linux 6.1 counts it
layering      |  60 | quick | includes keep to the one-way rule
docs          |  60 | quick | docs/configuration.md names the keys of the schema, docs/doctor.md the checks; links, and lbctl commands that are named, exist; metrics too; the bars of docs/performance.md are those of its table
man           |  60 | quick | the manual pages: mandoc and groff find nothing wrong
unit          | 900 | quick | unit tests
packet        | 600 | quick | packets through BPF_PROG_RUN
fuzz          | 300 | quick | random and broken frames through BPF_PROG_RUN, 30 seconds, each judged
explain       | 300 | quick | lbctl explain, and that every map stays as it was
doctor        | 480 | quick | lbctl doctor: a healthy host, broken ones, and what mends them
control       | 480 | quick | every lbctl command, its shape and what it does to traffic
change        | 480 | quick | changes while traffic runs, leaving, batch, confirm, SIGHUP
scale         | 300 | quick | 1,000 services of ten backends: all there; times are printed
badfiles      | 480 | quick | wrong files, junk, exit codes, file and hand
main-auto     | 480 | quick | the main job, XDP mode auto
main-native   | 480 | quick | the main job, native XDP
main-generic  | 480 | quick | the main job, generic XDP
main6-auto    | 480 | quick | the main job with IPv6, XDP mode auto
main6-generic | 480 | quick | the main job with IPv6, generic XDP
pmtu-auto     | 300 | quick | narrow links, path-MTU discovery, ICMP errors, traceroute
pmtu-generic  | 300 | quick | the same in generic mode, where only clsact knows segments
pmtu6-auto    | 300 | quick | the same with IPv6
pmtu6-generic | 300 | quick | and both
fragments     | 300 | quick | datagrams in pieces, from two clients at once
fragments6    | 300 | quick | the same with IPv6
jumbo         | 300 | quick | links of 9,000 bytes, native XDP with frames in several pages
jumbo6        | 300 | quick | the same with IPv6
hostile       | 480 | quick | the main job on a host that would spoil it
attack        | 480 | quick | a flood of SYNs, malformed frames, limits
differential  | 300 | quick | the same traffic by proxip and by nftables: no difference
ports         | 480 | quick | exactly as many connections as ports, and ports that come back
ends          | 300 | quick | connections that the load balancer ends: idle, by hand
ends6         | 300 | quick | the same with IPv6
metrics       | 300 | quick | /metrics as promtool reads it, the dashboard's and the alerts' expressions
page          | 480 | quick | the status page in headless Chromium, while a server dies under its eyes
whois         | 300 | quick | conn show, whois and the server agree on who it was; the NAT log's bounds and losses
whois6        | 300 | quick | the same with IPv6
health        | 480 | quick | checks of each kind: what is ill or gone is out, in time; and no wrong check kills a site
survive       | 480 | quick | kill -9, no agent, restarts, --detach
faults        | 480 | quick | what goes wrong around it: kills, files, neighbours, routes, interfaces, bpffs
upgrade       | 300 | quick | a new agent over a running data plane, the same version or another
watch         | 480 | quick | lbctl top, monitor and trace while traffic runs; nothing of a trace stays behind
deb           | 480 | quick | the Debian package on a machine with systemd: installed, upgraded under traffic, removed
arp           | 480 | quick | VIPs and Proxy IPs in ARP
quickstart    | 600 | quick | examples/quickstart.sh
one-arm       | 300 | quick | examples/one-arm: one leg beside the servers, with and without the Proxy IP
inline        | 300 | quick | examples/inline: the servers' gateway, with and without the Proxy IP
kernel61      |1500 | busy  | all that on Debian's 6.1 kernel in qemu
asan          |2400 | late  | unit tests under ASan and UBSan
race          | 600 | busy  | two CPUs, few ports, then an audit
bench         | 300 | busy  | the benchmark's cases: do all packets arrive? No times
load          | 300 | busy  | health checks of 5,000 backends every 2 s
tidy          | 900 | asked | clang-tidy over agent/ and cli/
TESTS
}

names() { catalogue | sed 's/ *|.*//'; }
field() { catalogue | awk -F'|' -v name="$1" -v n="$2" '{ gsub(/ /, "", $1) } $1 == name { gsub(/^ +| +$/, "", $n); print $n }'; }
skip() { echo "$*"; exit "$SKIPPED"; }

body() { # NAME
    case $1 in
    format)
        find "$root/agent" "$root/cli" "$root/tests" -name '*.[ch]pp' -print0 | xargs -0 clang-format-19 --dry-run --Werror
        ;;
    bpf-stack) "$here/bpf_stack.py" "$root/build/release/bpf/proxip.bpf.o" && "$here/bpf_stack.py" "$root/build/release/bpf/trace.bpf.o" ;;
    layering) "$here/layering.py" ;;
    docs) "$here/docs_keys.py" && "$here/docs_checks.py" && "$here/docs_links.py" && "$here/docs_metrics.py" && "$here/bench/publish_test.py" ;;
    man) "$here/packaging/man.sh" ;;
    deb) "$here/packaging/deb.sh" ;;
    unit) "$bin/proxip_unit_tests" "~[load]" ;;
    load) "$bin/proxip_unit_tests" "[load]" ;;
    packet) "$bin/proxip_packet_tests" ;;
    fuzz) "$bin/proxip_frame_fuzz" --seconds 30 ;; # prints its random seed
    explain | doctor | control | change | scale | badfiles | attack | metrics | health | ports | survive | faults | upgrade | watch | arp) "$here/network/$1.sh" ;;
    page) "$here/page/page.sh" ;;
    main-*) "$here/network/main.sh" "${1#main-}" ;;
    main6-*) "$here/network/main.sh" "${1#main6-}" 6 ;;
    pmtu-*) "$here/network/pmtu.sh" "${1#pmtu-}" 4 ;;
    pmtu6-*) "$here/network/pmtu.sh" "${1#pmtu6-}" 6 ;;
    ends) "$here/network/ends.sh" 4 ;;
    ends6) "$here/network/ends.sh" 6 ;;
    whois) "$here/network/whois.sh" 4 ;;
    whois6) "$here/network/whois.sh" 6 ;;
    fragments) "$here/network/fragments.sh" auto 4 ;;
    fragments6) "$here/network/fragments.sh" generic 6 ;;
    jumbo) "$here/network/jumbo.sh" native 4 ;;
    jumbo6) "$here/network/jumbo.sh" auto 6 ;;
    differential) "$here/network/differential.sh" auto 4 && "$here/network/differential.sh" generic 6 ;;
    hostile) "$here/network/hostile_host.sh" ;;
    quickstart) "$root/examples/quickstart.sh" ;;
    one-arm | inline) "$root/examples/$1/run.sh" ;;
    kernel61) "$here/kernel61/run.sh" ;;
    asan)
        source "$here/harness/build.sh"
        build asan proxip_unit_tests
        "$root/build/asan/bin/proxip_unit_tests" "~[load]"
        ;;
    race) "$bin/proxip_race_test" ;;
    bench) "$bin/proxip_bench" --quick ;;
    tidy) "$here/tidy.sh" ;;
    esac
}

# Runs one test and says how it went. The log's last line is the reason when it is skipped.
run_one() { # NAME
    local name=$1 start=$SECONDS status=0 verdict runner=()
    [[ $(field "$name" 3) == quick ]] || runner=(nice -n 10)
    "${runner[@]}" timeout --kill-after=30 "$(field "$name" 2)" "$here/run.sh" --body "$name" >"$logs/$name.log" 2>&1 </dev/null &
    echo $! >"$logs/$name.pid"
    wait $! || status=$?
    rm -f "$logs/$name.pid"
    case $status in
    0) verdict=PASS ;;
    "$SKIPPED") verdict=SKIP ;;
    *) verdict=FAIL ;;
    esac
    report "$verdict" "$name" $((SECONDS - start)) "$status"
}

report() { # VERDICT NAME SECONDS STATUS
    echo "$1" >"$logs/$2.verdict"
    {
        flock 9
        case $1 in
        SKIP) printf '%s  %-13s %4d s   %s\n' "$1" "$2" "$3" "$(tail -n 1 "$logs/$2.log")" ;;
        FAIL)
            printf '%s  %-13s %4d s   exit %s%s\n' "$1" "$2" "$3" "$4" "$( (($4 == 124)) && echo ': took too long')"
            { head -n -25 "$logs/$2.log" | grep -A 6 '^  FAIL' | head -n 40; tail -n 25 "$logs/$2.log"; } | sed 's/^/      | /'
            ;;
        *) printf '%s  %-13s %4d s\n' "$1" "$2" "$3" ;;
        esac
    } 9>>"$logs/.report"
}

stop_all() {
    local pid
    for pid in "$logs"/*.pid; do [[ -e $pid ]] && kill -TERM "$(<"$pid")" 2>/dev/null; done
    exit 130
}

count() { # VERDICT
    cat "$logs"/*.verdict 2>/dev/null | grep -c "^$1\$" || true
}

closing() {
    local skipped
    skipped=$(count SKIP)
    printf '%d passed, %d failed' "$(count PASS)" "$(count FAIL)"
    ((skipped == 0)) || printf ', %d skipped' "$skipped"
    printf '\n'
    [[ $(count FAIL) -eq 0 && $(count PASS) -gt 0 ]]
}

main() {
    local -a wanted=("$@") quick=() busy=() late=()
    local name
    ((${#wanted[@]})) || mapfile -t wanted < <(catalogue | grep -v '| asked |' | sed 's/ *|.*//')
    for name in "${wanted[@]}"; do
        case $(field "$name" 3) in
        quick) quick+=("$name") ;;
        busy | asked) busy+=("$name") ;;
        late) late+=("$name") ;;
        *)
            echo "no test '$name'; tests/run.sh -l lists them" >&2
            exit 2
            ;;
        esac
    done
    [[ $(id -u) -eq 0 ]] || { echo "tests/run.sh must run as root: it makes network namespaces and loads BPF programs" >&2; exit 1; }
    mkdir -p "$logs"
    rm -f "$logs"/*
    source "$here/harness/packages.sh"
    source "$here/harness/build.sh"
    need_packages build package demo test
    local start=$SECONDS status=0
    build release >"$logs/build.log" 2>&1 || status=$?
    report "$( ((status == 0)) && echo PASS || echo FAIL)" build $((SECONDS - start)) "$status"
    ((status == 0)) || { closing; exit 1; }

    trap stop_all INT TERM HUP
    # Each of the busy ones fills both cores. Waiting is most of what the quick ones do, so three of them fit beside.
    printf '%s\n' "${busy[@]}" | xargs -r -P 1 -n 1 "$here/run.sh" --one &
    {
        printf '%s\n' "${quick[@]}" | xargs -r -P 3 -n 1 "$here/run.sh" --one || true
        printf '%s\n' "${late[@]}" | xargs -r -n 1 "$here/run.sh" --one
    } &
    wait
    closing
}

case ${1:-} in
-l | --list) catalogue | awk -F'|' '{ printf "%-13s %s\n", $1, $4 }' ;;
-h | --help) sed -n '2,5s/^# \?//p' "$0" ;;
--one) run_one "$2" ;;
--body) body "$2" ;;
-*) echo "tests/run.sh [-l] [NAME…]" >&2; exit 2 ;;
*) main "$@" ;;
esac
