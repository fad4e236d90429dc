#!/usr/bin/env bash
# Builds the Debian package from this checkout: build/proxip_VERSION_ARCH.deb. As root it installs what it needs for that.
#
#   packaging/build-deb.sh                     from nothing, with Debian's flags
#   packaging/build-deb.sh --reuse             what stands in build/release, built when it does not
#   packaging/build-deb.sh --version VERSION   under another version than CMakeLists.txt says
#   packaging/build-deb.sh --output FOLDER     there instead of build/
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
output=$root/build
reuse=""
version=$(sed -n 's/^project(proxip VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")

while (($#)); do
    case $1 in
    --reuse) reuse=yes ;;
    --version) version=${2:?--version VERSION} && shift ;;
    --output) output=$(realpath "${2:?--output FOLDER}") && shift ;;
    *)
        sed -n '2,7s/^# \?//p' "$0" >&2
        exit 2
        ;;
    esac
    shift
done

source "$root/tests/harness/packages.sh"
source "$root/tests/harness/build.sh"
[[ $(id -u) -ne 0 ]] || need_packages build package

work=$(mktemp -d /tmp/proxip-deb.XXXXXX)
trap 'rm -rf "$work"' EXIT
tree=$work/proxip-$version

# The time of the last commit: the same checkout makes the same package.
changed=$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md")

mkdir "$tree"
tar -C "$root" --exclude=./build --exclude=./.git -c . | tar -C "$tree" -x
cp -r "$here/debian" "$tree/debian"
cat >"$tree/debian/changelog" <<CHANGELOG
proxip ($version) unstable; urgency=medium

  * Version $version. What changed is told in changelog.gz.

 -- $(sed -n 's/^Maintainer: //p' "$here/debian/control")  $(date -R -u -d "@$changed")
CHANGELOG

if [[ -n $reuse ]]; then
    build release lbagent lbctl proxip_man_pages proxip_completions
    export PROXIP_PREBUILT=$root/build/release
fi
export SOURCE_DATE_EPOCH=$changed CCACHE_DIR=${CCACHE_DIR:-$HOME/.cache/ccache}
export DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)"
if ! (cd "$tree" && dpkg-buildpackage --build=binary --no-sign ${reuse:+--no-check-builddeps}) >"$work/log" 2>&1; then
    tail -n 40 "$work/log" >&2
    exit 1
fi
mkdir -p "$output"
for package in "$work"/proxip_"$version"_*.deb; do
    cp "$package" "$output/"
    echo "$output/${package##*/}"
done
