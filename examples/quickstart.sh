#!/usr/bin/env bash
# On a fresh Debian 12, as root: installs what is missing, builds, and plays both scenes that a Proxy IP is for, in network
# namespaces with real HTTP servers. Nothing of the host is changed but the packages.
#     examples/quickstart.sh                   hairpin and remote-servers
#     examples/quickstart.sh one-arm inline    those that are named: folders of examples/
# With PROXIP_BIN set, lbagent and lbctl are taken from there, and nothing is built.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ $(id -u) -eq 0 ]] || { echo "examples/quickstart.sh must run as root: it makes network namespaces and loads a BPF program" >&2; exit 1; }

# shellcheck source=tests/harness/packages.sh
source "$root/tests/harness/packages.sh"
# shellcheck source=tests/harness/build.sh
source "$root/tests/harness/build.sh"

scenes=("$@")
((${#scenes[@]})) || scenes=(hairpin remote-servers)
for scene in "${scenes[@]}"; do
    [[ -x $root/examples/$scene/run.sh ]] || { echo "no scene '$scene' in examples/" >&2; exit 2; }
done

if [[ -n ${PROXIP_BIN:-} ]]; then
    need_packages demo
else
    need_packages build demo
    build release lbagent lbctl
fi
for scene in "${scenes[@]}"; do "$root/examples/$scene/run.sh"; done
if (($# == 0)); then
    printf '\nquickstart: both scenes failed without the Proxy IP and worked with it.\n'
else
    printf '\nquickstart: %s: all that was claimed is so.\n' "${scenes[*]}"
fi
