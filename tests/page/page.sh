#!/usr/bin/env bash
# The status page in a real browser: what it shows while a server dies under its eyes, and that it asks nobody but the agent.
#    tests/page/page.sh [FOLDER]        with a folder: pictures of it are left there, for docs/; it takes five minutes longer,
#                                       so that the curves have something to show
source "$(dirname "${BASH_SOURCE[0]}")/../harness/lab.sh"
source "$HARNESS/topology.sh"
source "$HARNESS/check.sh"

PICTURES=${1:-}
PAGE=http://127.0.0.1:9631

lab_open page
network_up

web_start() { # HOST: nginx
    local folder=$LAB_DIR/web-$1
    mkdir -p "$folder"
    cat >"$folder/nginx.conf" <<CONF
worker_processes 1;
daemon off;
pid $folder/nginx.pid;
events {}
http {
    access_log off;
    server {
        listen 80;
        default_type text/plain;
        location / { return 200 "$1\n"; }
    }
}
CONF
    nsenter --net="$(netns "$1")" nginx -p "$folder" -e "$folder/error.log" -c "$folder/nginx.conf" &
    eval "WEB_$1=\$!"
    wait_until 10 port_open "$1" 80 || { cat "$folder/error.log" >&2; return 1; }
}
web_stop() { # HOST: it dies
    local pid="WEB_$1"
    kill -KILL "${!pid}" $(pgrep -P "${!pid}") # the master first: it would start another worker
    wait "${!pid}" 2>/dev/null || true
}

# A server whose answer to its check is meant to be taken for markup.
HOSTILE='<img src=x onerror=alert(1)><script>alert(1)</script>"'"'&"
hostile_start() { # HOST
    nsenter --net="$(netns "$1")" python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
while True:
    s.sendto(sys.argv[1].encode(), s.recvfrom(2000)[1])' "$HOSTILE" &
    wait_until 10 udp_open "$1" 53
}
udp_open() { [[ -n $(at "$1" ss -Hlnu "sport = :$2") ]]; } # HOST PORT

browser_start() {
    mkdir -p "$LAB_DIR/profile"
    coproc BROWSER { exec env HOME="$LAB_DIR/profile" nsenter --net="$(netns lb)" "$PROXIP_ROOT/tests/page/browser.py" --profile "$LAB_DIR/profile" --log "$LAB_DIR/browser.log" 2>&1; }
    browser_answer >/dev/null || { cat "$LAB_DIR/browser.log" >&2; return 1; }
}
browser_answer() {
    local answer
    IFS= read -r -t 90 answer <&"${BROWSER[0]}" || { echo "the browser does not answer"; return 1; }
    printf '%s\n' "$answer"
    [[ $answer != no* ]]
}
browser() { # COMMAND…, as in browser.py
    printf '%s\n' "$*" >&"${BROWSER[1]}"
    browser_answer
}
shows() { # JS
    browser wait "$((10 * ${PROXIP_SLOW:-1}))" "$*"
}
picture() { # NAME [look]
    [[ -z $PICTURES ]] || browser "${2:-shot}" "$PICTURES/$1.png" >/dev/null
}

problems() { browser eval '[...document.querySelectorAll("#problem-list li")].map((li) => li.textContent).join("\n")'; }

for name in s1 s2 r1; do web_start "$name"; done
hostile_start r2
{
    config_head
    config_pool 10000-10999
    config_service web "tcp://$VIP:80" 1.1.1.11:80,1.1.1.12:80 'scheduler = "round-robin"'
    printf '[[service.backend]]\naddress = "2.2.2.11:80"\nbackup = true\n'
    printf '[service.check]\ntype = "http"\ninterval = "500ms"\ntimeout = "400ms"\nfall = 2\nrise = 2\n'
    config_service api "tcp://$REMOTE_VIP:443" 1.1.1.11:80,2.2.2.11:80
    printf '[service.check]\ntype = "tcp"\ninterval = "500ms"\nfall = 2\nrise = 2\n'
    config_service static "tcp://$REMOTE_VIP:80" 1.1.1.11:80,1.1.1.12:80,2.2.2.11:80 'scheduler = "least-connections"'
} >"$CONFIG"
agent_start
browser_start

# Somebody who calls all the while: a curve has something to show.
nsenter --net="$(netns near)" bash -c "while :; do curl -sS -o /dev/null --noproxy '*' --max-time 1 http://$VIP/ http://$REMOTE_VIP/ http://$REMOTE_VIP:443/ || sleep 0.1; done" >/dev/null 2>&1 &
CALLER=$!
if [[ -n $PICTURES ]]; then # and some who stay, in waves
    nsenter --net="$(netns near)" python3 -c '
import math, random, socket, sys, time
held = [[], []]
start = time.monotonic()
while True:
    seconds = time.monotonic() - start
    for i, wanted in enumerate((180 + 70 * math.sin(seconds / 31), 60 + 25 * math.sin(seconds / 12))):
        while len(held[i]) > wanted or (held[i] and random.random() < 0.3):
            held[i].pop(random.randrange(len(held[i]))).close()
        try:
            while len(held[i]) < wanted:
                s = socket.create_connection((sys.argv[1 + i], (80, 443)[i]), 1)
                s.sendall(b"GET /" + b"x" * random.randrange(900) + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                held[i].append(s)
        except OSError:
            pass
    time.sleep(0.1)' "$VIP" "$REMOTE_VIP" 2>>"$LAB_DIR/waves.err" &
    sleep 300
fi

section "all are well"
check "the browser opens the page" browser size 1280 900
check "in light colours" browser scheme light
check "it loads" browser open "$PAGE/"
check "says that all is well" shows 'document.querySelector("#problems-title").textContent.startsWith("All is well")'
check "shows every service" shows '[...document.querySelectorAll(".service h3")].map((h) => h.textContent).join() === "web,api,static"'
check "each backend of web is up, in word and shape" shows '[...document.querySelectorAll("#service-web .row .state")].every((s) => s.dataset.state === "up" && s.querySelector("path").getAttribute("d").length > 20)'
check "with its last check" shows 'document.querySelector("#service-web .check").textContent.startsWith("HTTP 200 in ")'
check "and since when" shows '/^\d+ (s|min)$/.test(document.querySelector("#service-web .row:not(.names) .since").textContent)'
check "the one that nobody checks says so" shows 'document.querySelector("#service-static .row .state").textContent === "up, unchecked"'
check "half of the share each, none for the backup" shows '[...document.querySelectorAll("#service-web .share")].map((s) => s.textContent).join() === "50 %,50 %,0 %"'
check "the Proxy IP, with its capacity" shows 'document.querySelector("#proxy-list").textContent.includes("/ 1,000")'
check "generation and mode" shows '/generation 1.*eth0 (native|generic)/.test(document.querySelector("#about").textContent)'
check "rates come from the counters" shows 'parseFloat(document.querySelectorAll("#tiles .value")[1].textContent) > 0'
check "and make a curve" shows 'document.querySelectorAll("#tiles .line")[1].getAttribute("d").length > 8'
picture well

section "a server dies under its eyes"
browser eval 'window.stays = "the same document"' >/dev/null
web_stop s2
started=$(now_ms)
check "the page tells it, without a reload" shows 'document.querySelector("#problem-list .subject") && document.querySelector("#problem-list .subject").textContent === "web 1.1.1.12:80"'
check_number "soon: after $(($(now_ms) - started)) ms (the checks need 1 s, the page asks every 2 s)" $(($(now_ms) - started)) -lt $((6000 * ${PROXIP_SLOW:-1}))
check_match "with the reason, and since when" 'Backend down.*web 1\.1\.1\.12:80.*refused.*[0-9] s, since [0-9:]+' "$(problems)"
check "on top of the page" shows 'document.querySelector("#problems").getBoundingClientRect().top < document.querySelector("#overview").getBoundingClientRect().top'
check "in the title of the window" shows 'document.title.startsWith("(1) proxip")'
check "a screen reader is told once" shows 'document.querySelector("#spoken").textContent.startsWith("1 problem. Backend down: web 1.1.1.12:80")'
check "the backend's row says down" shows '[...document.querySelectorAll("#service-web .row")].some((r) => r.textContent.includes("1.1.1.12:80") && r.querySelector(".word").textContent === "down")'
check "it is the same document" shows 'window.stays === "the same document"'
picture down
browser size 360 740 >/dev/null
check "at 360 pixels nothing is wider than the window" shows 'document.documentElement.scrollWidth <= 360'
check_equal "and no element sticks out" '""' "$(browser eval '[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > 360.5 && !e.closest(".unseen, .skip, svg")).map((e) => e.className || e.tagName).join()')"
picture phone
check "in dark colours" browser scheme dark
picture dark-phone
browser size 1280 900 >/dev/null
picture dark

section "contrast, WCAG AA: 4.5 to 1"
# The colours that text has on what is behind it, in both schemes.
CONTRAST='(() => {
    const rgb = (c) => c.match(/[\d.]+/g).map(Number);
    const light = (c) => { const [r, g, b] = rgb(c).slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if ((rgb(c)[3] ?? 1) === 1) return c; } return "rgb(255, 255, 255)"; };
    const bad = new Set();
    for (const e of document.querySelectorAll("body *")) {
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.closest("[hidden], noscript, button:disabled") || e.getClientRects().length === 0) continue;
        const a = light(getComputedStyle(e).color), b = light(behind(e));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) bad.add((e.className || e.tagName) + " " + ratio.toFixed(2));
    }
    return [...bad].join(", ");
})()'
check_equal "dark" '""' "$(browser eval "${CONTRAST//$'\n'/ }")"
browser scheme light >/dev/null
check_equal "light" '""' "$(browser eval "${CONTRAST//$'\n'/ }")"

section "it comes back"
web_start s2
check "the problem goes" shows 'document.querySelectorAll("#problem-list li").length === 0 && document.querySelector("#problems-title").textContent.startsWith("All is well")'
check "and is said to be over" shows 'document.querySelector("#spoken").textContent === "No problems"'

section "text stays text"
lbctl service add names "udp://$VIP:53" --backend 2.2.2.12:53 --check udp --check-send q --check-expect ok >/dev/null
check "a hostile answer to a check is shown as it is" shows 'document.querySelector("#service-names .check") && document.querySelector("#service-names .check").textContent.includes("<img src=x onerror=alert(1)><script>")'
check "and makes no element" shows 'document.querySelectorAll("img, script:not([src=\"page.js\"])").length === 0'
check "a service without a backend stands first, as critical" shows 'document.querySelector("#problem-list li").dataset.state === "critical" && document.querySelector("#problem-list .subject").textContent === "names"'
picture hostile

section "a file that is refused, a next hop that is lost, a drain"
printf '\nnonsense = 1\n' >>"$CONFIG"
kill -HUP "$LAB_AGENT"
check "the refused file, and why" shows '[...document.querySelectorAll("#problem-list li")].some((li) => li.textContent.includes("File refused") && li.textContent.includes("nonsense"))'
check "drift is a notice" shows '[...document.querySelectorAll("#problem-list li")].some((li) => li.dataset.state === "notice" && li.textContent.includes("drift"))'
lbctl backend drain web 1.1.1.11:80 >/dev/null
check "a drained backend is told in its row" shows '[...document.querySelectorAll("#service-web .row")].some((r) => r.textContent.includes("1.1.1.11:80") && r.querySelector(".word").textContent === "drain")'
lbctl backend add static 1.1.1.99:80 >/dev/null
check "a next hop that does not answer" shows '[...document.querySelectorAll("#problem-list li")].some((li) => li.textContent.includes("Next hop") && li.textContent.includes("1.1.1.99") && li.textContent.includes("not known on eth0"))'
picture many
browser size 360 740 >/dev/null
picture many-phone look
browser size 1280 900 >/dev/null

section "finding"
browser eval 'document.querySelector("#find").focus()' >/dev/null
browser eval '(() => { const f = document.querySelector("#find"); f.value = "2.2.2.12"; f.dispatchEvent(new Event("input")); })()' >/dev/null
check "by a backend's address" shows '[...document.querySelectorAll(".service h3")].map((h) => h.textContent).join() === "names"'
browser eval '(() => { const f = document.querySelector("#find"); f.value = "<b>\"&"; f.dispatchEvent(new Event("input")); })()' >/dev/null
check "what is not there is told as typed" shows 'document.querySelector("#service-note").textContent.includes("\"<b>\"&\"")'
browser eval '(() => { const f = document.querySelector("#find"); f.value = ""; f.dispatchEvent(new Event("input")); })()' >/dev/null
check "and all are there again" shows 'document.querySelectorAll(".service").length === 4'
check "the keyboard reaches the first link" browser eval 'document.activeElement.blur()'
browser key Tab >/dev/null
check "and it can be seen" shows 'document.activeElement.tagName !== "BODY" && getComputedStyle(document.activeElement).outlineStyle !== "none"'

section "quiet"
check_equal "no error, no warning, no breach of the policy" "[]" "$(browser troubles)"
check_json "nothing was asked of anybody else" "all(startswith(\"$PAGE/\"))" "$(browser requests)"

section "the agent ends"
agent_kill TERM
check "the page says so" shows 'document.querySelector("#silent").textContent.startsWith("The agent does not answer since ") && document.querySelector("#silent").getClientRects().length > 0'
check "greys what it has" shows 'getComputedStyle(document.querySelector("main")).opacity < 1'
check "and keeps it" shows 'document.querySelectorAll(".service").length === 4'
picture stale
check_json "only that it cannot connect is logged" 'all(contains("ERR_CONNECTION_REFUSED"))' "$(browser troubles)"
sed -i '/nonsense/d' "$CONFIG"
agent_start
check "it finds the agent again" shows 'document.querySelector("#silent").hidden && !document.body.classList.contains("stale")'

section "what the web server answers"
answer() { at lb curl -sS -o /dev/null -w '%{http_code}' --noproxy '*' "$@"; }
check_equal "by localhost" 200 "$(answer http://localhost:9631/)"
check_equal "a name that was made to point here: the page" 421 "$(answer -H 'Host: evil.example' "$PAGE/")"
check_equal "its data" 421 "$(answer -H 'Host: evil.example:9631' "$PAGE/status.json")"
check_equal "and the metrics" 421 "$(answer -H 'Host: evil.example' "$PAGE/metrics")"
check_equal "POST" 405 "$(answer -X POST "$PAGE/status.json")"
check_equal "another path" 404 "$(answer "$PAGE/../etc/passwd")"
check_match "the policy" "default-src 'none'.*frame-ancestors 'none'" "$(at lb curl -sSi --noproxy '*' "$PAGE/")"
kill -TERM "$CALLER" 2>/dev/null || true
finish
