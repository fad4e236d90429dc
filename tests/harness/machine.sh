# A machine with systemd as its first process, for what a package does: this host's files under an overlay, in namespaces of its
# own; its network is that of a host of the laboratory. Sourced after lab.sh.
#
#   machine_files FILE…       puts them in /srv of the machine; before machine_boot
#   machine_boot HOST
#   in_machine COMMAND…
#   machine_off

MACHINE=""

machine_files() { # FILE…
    mkdir -p "$LAB_DIR/machine/upper/srv"
    cp "$@" "$LAB_DIR/machine/upper/srv/"
}

machine_boot() { # HOST
    local folder=$LAB_DIR/machine
    mkdir -p "$folder"/{upper,work,root}
    rm -f "$folder/init.pid"
    # --mount-proc is done by the script, below the new root.
    nsenter --net="$(netns "$1")" unshare --mount --pid --fork --uts --ipc --propagation private \
        bash "$HARNESS/machine_init.sh" "$folder" "$LAB" </dev/null >"$LAB_DIR/machine.log" 2>&1 &
    MACHINE_OUTER=$!
    wait_until 10 machine_forked || { cat "$LAB_DIR/machine.log" >&2; return 1; }
    MACHINE=$(pgrep -P "$MACHINE_OUTER" | head -n 1)
    trap 'machine_off; lab_close' EXIT
    wait_until 60 machine_up || { tail -n 30 "$LAB_DIR/machine.log" >&2; return 1; }
}

machine_forked() { pgrep -P "$MACHINE_OUTER" >/dev/null; }

machine_up() { in_machine systemctl is-system-running --quiet || [[ $(in_machine systemctl is-system-running) == degraded ]]; }

in_machine() { # COMMAND…
    nsenter --target "$MACHINE" --mount --uts --ipc --net --pid --cgroup --root --wd=/ \
        env -u LBCTL_SOCKET PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
}

# Its first process ends, and with it all the others. The kernel keeps empty control groups until somebody removes them.
machine_off() {
    local groups=$LAB_DIR/machine/cgroup
    [[ -n $MACHINE ]] || return 0
    kill -KILL "$MACHINE" 2>/dev/null || true
    wait "$MACHINE_OUTER" 2>/dev/null || true
    MACHINE=""
    mkdir -p "$groups"
    mount -t cgroup2 cgroup2 "$groups"
    find "$groups/$LAB" -depth -type d -exec rmdir {} + 2>/dev/null || true
    umount "$groups"
}
