#!/usr/bin/env bash
# Own cost per packet, on one core: proxip between two veth pairs, beside a bare XDP redirect and nftables. As root.
#   tests/bench/run.sh                  all cases, five rounds
#   tests/bench/run.sh --quick          do all packets arrive? No times
#   tests/bench/run.sh --list           the cases
#   tests/bench/run.sh --rounds 3 floor nft hot
#   tests/bench/run.sh --publish        and puts table and bars into docs/performance.md (publish.py); with --partial also when
#                                       cases are missing or packets were lost
# What is measured and how to read it: docs/performance.md. PROXIP_BIN: where the built programs are.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${PROXIP_BIN:-$root/build/release/bin}

publish=""
partial=()
options=()
for option in "$@"; do
    case $option in
    --publish) publish=yes ;;
    --partial) partial=(--partial) ;;
    *) options+=("$option") ;;
    esac
done
if [[ -n $publish && " ${options[*]} " =~ \ --(quick|list|connections|scaling|help)[\ =] ]]; then
    echo "tests/bench/run.sh: --publish does not go with --${BASH_REMATCH[1]}: that is not what docs/performance.md shows" >&2
    exit 2
fi
if [[ -z $publish && -n ${partial[*]} ]]; then
    echo "tests/bench/run.sh: --partial goes with --publish" >&2
    exit 2
fi

[[ $(id -u) -eq 0 ]] || { echo "tests/bench/run.sh must run as root: it makes network namespaces and loads BPF programs" >&2; exit 1; }
if [[ -z ${PROXIP_BIN:-} ]]; then
    source "$root/tests/harness/packages.sh"
    source "$root/tests/harness/build.sh"
    need_packages build test >&2
    build release proxip_bench >&2
fi
# Quiet tables and quiet neighbours: figures of a busy machine say more about its other work.
[[ " ${options[*]} " == *" --quick "* || " ${options[*]} " == *" --list "* ]] ||
    awk '$1 > 0.5 { print "note: load " $1 " before the start; the figures are those of a busy machine" > "/dev/stderr" }' /proc/loadavg
[[ -n $publish ]] || exec "$bin/proxip_bench" "${options[@]}"

report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
"$bin/proxip_bench" "${options[@]}" | tee "$report" || status=$?
"$root/tests/bench/publish.py" "${partial[@]}" "$report"
exit "$status"
