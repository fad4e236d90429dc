# How the scenes are told. Sourced by each scene's run.sh; the network is made by tests/harness/lab.sh.

# shellcheck source=tests/harness/lab.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tests/harness/lab.sh"

PROXY_IP=1.1.1.254
VIP=1.1.1.80

title() { printf '\n==== %s ====\n' "$1"; }
part() { printf '\n---- %s\n' "$1"; }
note() { printf '%s\n' "$*"; }
indent() { sed 's/^/    /'; }

# What a user types, and what it prints.
run() { # COMMAND…
    printf '\n$ %s\n' "$*"
    "$@" | indent
}

# The scene ends here when what must be so is not.
must() { # WHAT COMMAND…
    local what=$1
    shift
    if "$@"; then
        printf '  => %s\n' "$what"
    else
        printf '  => NOT SO: %s\n' "$what" >&2
        exit 1
    fi
}

agent_run() { # CONFIG-FILE
    CONFIG=$1
    printf '\n$ lbagent --config %s &\n' "${CONFIG#"$PROXIP_ROOT"/}"
    agent_start
}

# nginx on a host of the lab, answering with the host's name and the address it was called from.
web_server() { # HOST
    local folder=$LAB_DIR/$1
    mkdir "$folder"
    cat >"$folder/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $folder/nginx.pid;
events {}
http {
    log_format who '\$remote_addr:\$remote_port "\$request" \$status';
    access_log $folder/access.log who;
    server {
        listen 80;
        default_type text/plain;
        location / { return 200 "$1 answers \$remote_addr\n"; }
    }
}
CONF
    nsenter --net="$(netns "$1")" nginx -p "$folder" -e "$folder/error.log" -c "$folder/nginx.conf" &
    wait_until 10 port_open "$1" 80 || { cat "$folder/error.log" >&2; return 1; }
}

browse() { # HOST SECONDS: one call of the VIP
    at "$1" curl -sS --noproxy '*' --max-time "$2" "http://$VIP/" 2>&1
}

browse_often() { # HOST COUNT: the answers, counted
    local i
    for ((i = 0; i < $2; i++)); do browse "$1" 5 || true; done | sort | uniq -c | sed -E 's/^ *([0-9]+)/\1 x/'
}

log_size() { wc -l <"$LAB_DIR/$1/access.log"; }

# Lines of a capture, without time stamps and options that would not fit.
captured() { # NAME REGEX
    grep -E "$2" "$LAB_DIR/$1.capture" | sed -E 's/^[0-9:.]+ IP /IP /; s/, (seq|ack|win|options).*//' | sort -u | head -n 3
}

failed_calls() { # HOST COUNT: calls that must fail, each shown
    local i answer
    for ((i = 0; i < $2; i++)); do
        printf '\n%s$ curl http://%s/\n' "$1" "$VIP"
        if answer=$(browse "$1" 1.5); then
            echo "$answer" | indent
            return 1
        fi
        echo "$answer" | indent
    done
}
