#!/usr/bin/env bash
# The first process of machine.sh's machine, until systemd takes its place: machine_init.sh FOLDER NAME
set -euo pipefail
folder=$1 name=$2 root=$1/root

mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$root"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys # the kernel's settings are the host's
mount -t sysfs -o ro sysfs sys
mount -t bpf -o mode=700 bpf sys/fs/bpf # as systemd does it on a host
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd dev/fd
mkdir dev/pts dev/shm dev/mqueue dev/hugepages
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
rm -f usr/sbin/policy-rc.d # services start here

# Control groups: the machine's root is a group of its own.
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir -p "sys/fs/cgroup/$name"
echo $$ >"sys/fs/cgroup/$name/cgroup.procs"
umount sys/fs/cgroup

mkdir -p run/old
pivot_root . run/old
cd /
exec unshare --cgroup bash -c '
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    umount --lazy /run/old
    container=lab exec /lib/systemd/systemd --system --unit=basic.target --log-level=notice --log-target=console --show-status=no'
