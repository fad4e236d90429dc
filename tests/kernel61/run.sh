#!/usr/bin/env bash
# Boots Debian 12's own kernel (6.1) in qemu and runs payload.sh in it: the oldest kernel that proxip supports. Everything
# that runs there is taken from this host and from the build folder: the initramfs is made here, the kernel is Debian's
# package, kept in build/kernel61/.
#
#   tests/kernel61/run.sh [PAYLOAD]      PAYLOAD: another script to run in the guest (default: payload.sh beside this one)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/build/kernel61
bin=${PROXIP_BIN:-$root/build/release/bin}
payload=${1:-$here/payload.sh}
seconds=${PROXIP_KERNEL61_SECONDS:-1200}

# shellcheck source=tests/kernel61/image.sh
source "$here/image.sh"

work=$(mktemp -d /tmp/proxip-kernel61.XXXXXX)
qemu=""
trap 'trap - EXIT; [[ -z $qemu ]] || kill -KILL "$qemu" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fetch_kernel "$cache"
make_initramfs "$work/root" "$cache/kernel" "$payload" "$bin" >"$work/initramfs.gz"
vmlinuz=$(echo "$cache"/kernel/boot/vmlinuz-*)

# A /dev/kvm on a processor without vmx or svm is a software one, and does not carry a whole kernel.
accel=(-accel tcg,thread=multi)
if [[ -w /dev/kvm ]] && grep -qwE 'vmx|svm' /proc/cpuinfo; then accel=(-accel kvm -accel tcg); fi

# panic=-1 with -no-reboot: a panic ends qemu at once.
timeout --kill-after=5 "$seconds" qemu-system-x86_64 "${accel[@]}" -cpu max -smp 2 -m 2G -nodefaults -no-reboot \
    -display none -serial "file:$work/serial" -kernel "$vmlinuz" -initrd "$work/initramfs.gz" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off" </dev/null 2>"$work/qemu.err" &
qemu=$!
status=0
wait "$qemu" || status=$?
qemu=""

tr -d "\r" <"$work/serial" | { [[ -n ${PROXIP_KEEP:-} ]] && cat || sed -n "/^guest: /,\$p"; }
grep -v 'failed to initialize kvm\|Could not access KVM' "$work/qemu.err" >&2 || true
if ((status == 124)); then
    echo "the guest did not end within ${seconds} s" >&2
    exit 1
fi
# Only the guest's last line counts: a panic, a hang or a lost console never print it.
grep -q '^guest: payload ended with 0' <(tr -d '\r' <"$work/serial")
