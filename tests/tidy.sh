#!/usr/bin/env bash
# clang-tidy over the C++ sources of agent/ and cli/, with the release build's compile commands. Bounded: what is not reached
# within PROXIP_TIDY_SECONDS is said, and the test counts as skipped; what was clean before is not looked at again until it, a
# header or .clang-tidy changes.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
deadline=$((SECONDS + ${PROXIP_TIDY_SECONDS:-780}))
cache=build/tidy-clean
mkdir -p "$cache"

common=$({ find agent cli bpf/abi -name '*.h' -o -name '*.hpp' | sort | xargs sha256sum; sha256sum .clang-tidy; } | sha256sum)
mapfile -t sources < <(find agent cli -name '*.cpp' | sort)
clean=0 found=0 unreached=0
for source in "${sources[@]}"; do
    key=$cache/$({ echo "$common"; sha256sum "$source"; } | sha256sum | cut -c1-32)
    if [[ -e $key ]]; then
        clean=$((clean + 1))
    elif ((SECONDS >= deadline)); then
        unreached=$((unreached + 1))
    elif clang-tidy-19 --quiet -p build/release "$source" 2>/dev/null; then
        touch "$key"
        clean=$((clean + 1))
    else
        found=$((found + 1))
        echo "^ $source"
    fi
done
echo "$clean of ${#sources[@]} sources clean, $found not, $unreached not reached in time"
((found == 0)) || exit 1
((unreached == 0)) || exit 77
