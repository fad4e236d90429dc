#!/usr/bin/env bash
# On a fresh Debian 12, as root: installs what is missing, builds, and plays both scenes that a Proxy IP is for, in network
# namespaces with real HTTP servers. Nothing of the host is changed but the packages.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ $(id -u) -eq 0 ]] || { echo "examples/quickstart.sh must run as root: it makes network namespaces and loads a BPF program" >&2; exit 1; }

# shellcheck source=tests/harness/packages.sh
source "$root/tests/harness/packages.sh"
# shellcheck source=tests/harness/build.sh
source "$root/tests/harness/build.sh"

need_packages build demo
build release lbagent lbctl
"$root/examples/hairpin/run.sh"
"$root/examples/remote-servers/run.sh"
printf '\nquickstart: both scenes failed without the Proxy IP and worked with it.\n'
