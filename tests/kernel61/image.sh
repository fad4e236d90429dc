# The guest's kernel and its initramfs. Sourced by run.sh.

# Of the kernel's modules those that the payload needs; what they depend on comes along.
GUEST_MODULES=(veth bridge sch_ingress cls_bpf act_bpf tun nf_tables nft_chain_nat nft_ct nft_masq nf_conntrack_netlink xt_conntrack)
PROXIP_GUEST_TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
GUEST_TOOLS=(bash bpftool conntrack curl ip jq mount nft nsenter ping python3 setpriv ss tail tc tcpdump umount)

fetch_kernel() { # CACHE: leaves the unpacked package in CACHE/kernel
    local cache=$1 package
    [[ -e $cache/kernel/complete ]] && return 0
    mkdir -p "$cache"
    compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null || apt-get -q update >/dev/null
    package=$(kernel_package)
    if ! (cd "$cache" && apt-get -q download "$package" >/dev/null 2>&1); then
        apt-get -q update >/dev/null # the list was older than the archive
        package=$(kernel_package)
        (cd "$cache" && apt-get -q download "$package" >/dev/null)
    fi
    rm -rf "$cache/kernel"
    dpkg-deb -x "$(compgen -G "$cache/${package}_*.deb" | tail -n 1)" "$cache/kernel"
    busybox depmod -b "$cache/kernel" "$(ls "$cache/kernel/lib/modules")"
    touch "$cache/kernel/complete"
}

kernel_package() {
    local package
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-6\.1\.[^ ]*\)$/\1/p' | head -n 1)
    if [[ -z $package ]]; then
        echo "no linux-image-6.1 behind linux-image-cloud-amd64: is this Debian 12?" >&2
        return 1
    fi
    echo "$package"
}

# A file and the shared libraries that it loads, at their own places.
copy_program() { # ROOT FILE
    local root=$1 file=$2 library
    install -D "$file" "$root/$file"
    while read -r library; do
        [[ -e $root/$library ]] || install -D "$library" "$root/$library"
    done < <(ldd "$file" 2>/dev/null | grep -o '/[^ ]*')
}

# A module's path and those of all that it needs, from modules.dep.
module_files() { # KERNEL-MODULES MODULE…
    local folder=$1 path
    shift
    local -A seen=()
    local -a todo=()
    for path in "$@"; do todo+=("$(cd "$folder" && find kernel -name "$path.ko" | head -n 1)"); done
    while ((${#todo[@]})); do
        path=${todo[-1]}
        unset 'todo[-1]'
        [[ -n $path && -z ${seen[$path]:-} ]] || continue
        seen[$path]=yes
        echo "$path"
        # shellcheck disable=SC2207
        todo+=($(sed -n "s|^$path: *||p" "$folder/modules.dep"))
    done
}

copy_modules() { # ROOT KERNEL
    local root=$1 folder path
    folder=$(echo "$2"/lib/modules/*)
    while read -r path; do
        install -D -m 644 "$folder/$path" "$root/lib/modules/${folder##*/}/$path"
    done < <(module_files "$folder" "${GUEST_MODULES[@]}")
    busybox depmod -b "$root" "${folder##*/}"
}

copy_python() { # ROOT
    local root=$1 library
    library=$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
    mkdir -p "$root/$library"
    tar -C "$library" --exclude=test --exclude='config-*' --exclude=idlelib --exclude=ensurepip --exclude=lib2to3 \
        --exclude=pydoc_data --exclude=dist-packages -c . | tar -C "$root/$library" -x
    local extension
    for extension in "$library"/lib-dynload/*.so; do copy_program "$root" "$extension"; done
}

make_initramfs() { # ROOT KERNEL PAYLOAD BIN: the compressed archive goes to stdout
    local root=$1 kernel=$2 payload=$3 bin=$4 tool path
    mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,usr/lib,usr/lib64,proc,sys,dev,run,tmp,etc,root,var}
    ln -s usr/lib "$root/lib"
    ln -s usr/lib64 "$root/lib64"
    for tool in $(busybox --list); do ln -s /bin/busybox "$root/bin/$tool"; done
    rm -f "$root/bin/busybox"
    install "$(command -v busybox)" "$root/bin/busybox"
    for tool in "${GUEST_TOOLS[@]}"; do
        path=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$tool")
        rm -f "$root/bin/$tool"
        copy_program "$root" "$path"
        [[ $path == /bin/* || $path == /usr/bin/* ]] || ln -sf "$path" "$root/bin/$tool"
    done
    ln -sf /usr/bin/bash "$root/bin/bash"
    ln -s /bin/busybox "$root/usr/bin/env"
    copy_modules "$root" "$kernel"
    copy_python "$root"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
    mkdir -p "$root/proxip/build/release/bin" "$root/proxip/tests/kernel61"
    cp -r "$PROXIP_GUEST_TESTS/harness" "$root/proxip/tests/"
    cp "$PROXIP_GUEST_TESTS/kernel61/smoke.sh" "$root/proxip/tests/kernel61/"
    for tool in "$bin"/*; do
        [[ -f $tool && -x $tool ]] || continue
        copy_program "$root" "$tool"
        mv "$root/$tool" "$root/proxip/build/release/bin/"
        command -v strip >/dev/null && strip "$root/proxip/build/release/bin/${tool##*/}"
    done
    install -m 755 "$payload" "$root/proxip/payload.sh"
    install -m 755 "$PROXIP_GUEST_TESTS/kernel61/init" "$root/init"
    (cd "$root" && find . -print0 | cpio --null -o -H newc --quiet --owner 0:0) | gzip -1
}
