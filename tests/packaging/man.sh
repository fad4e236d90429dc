#!/usr/bin/env bash
# The manual pages that the build made: sound roff to mandoc and to groff, and whole: each command of lbctl, each option of both.
source "$(dirname "${BASH_SOURCE[0]}")/../harness/check.sh"
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pages=$root/build/release/man
bin=$root/build/release/bin

as_text() { mandoc -T utf8 -O width=200 "$1" | col -b; }
options_of() { grep -oE '^ +(-[a-z],)?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u; }

for page in "$pages"/*; do
    check_equal "${page##*/}: mandoc" "" "$(mandoc -T lint -W style "$page" 2>&1)"
    check_equal "${page##*/}: groff" "" "$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)"
    check "${page##*/}: whatis" lexgrog "$page"
done

lbctl=$(as_text "$pages/lbctl.8")
commands=$("$bin/lbctl" completion bash | sed -n "s/^ *'\\([a-z -]*\\)') known=.*/\\1/p" | sed '/^$/d')
check_number "lbctl has commands" "$(wc -l <<<"$commands")" -gt 30
while read -r command; do
    [[ $command == *" "* || -z $(grep "^$command " <<<"$commands") ]] || continue # a noun
    check "lbctl.8 has lbctl $command" grep -qE "^ +lbctl $command( |\$)" <<<"$lbctl"
done <<<"$commands"
lbagent=$(as_text "$pages/lbagent.8")
for option in $("$bin/lbagent" --help | options_of); do
    check "lbagent.8 has $option" grep -qE "^ +(-[a-z], )?$option( |\$)" <<<"$lbagent"
done
configuration=$(as_text "$pages/lb.toml.5")
for key in $(sed -n 's/.*\.key = "\([a-z_]*\)".*/\1/p' "$root/agent/model/decode.cpp" | sort -u); do
    check "lb.toml.5 has $key" grep -qw "$key" <<<"$configuration"
done
finish
