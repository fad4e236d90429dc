# Debian packages on demand: need_packages build demo … installs what is missing of these groups, and says nothing when
# nothing is. Sourced.

PACKAGE_LIST=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/packaging/debian-packages.txt

missing_packages() { # GROUP…
    local group name
    while read -r group name; do
        [[ " $* " == *" $group "* ]] || continue
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q ' installed$' || echo "$name"
    done < <(grep -v '^#' "$PACKAGE_LIST")
}

# Debian starts a service as soon as it is installed; nobody asked for a web server on this host.
without_starting_services() { # COMMAND…
    local policy=/usr/sbin/policy-rc.d made="" status=0
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made=yes
    fi
    "$@" || status=$?
    [[ -z $made ]] || rm -f "$policy"
    return "$status"
}

need_packages() { # GROUP…
    local -a missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    echo "installing: ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { apt-get -q update && DEBIAN_FRONTEND=noninteractive without_starting_services \
        apt-get -q -y install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
    local service
    for service in nginx haproxy prometheus; do
        if [[ " ${missing[*]} " == *" $service "* ]]; then
            systemctl disable "$service" >/dev/null 2>&1 || true
        fi
    done
}
