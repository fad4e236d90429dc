#!/usr/bin/env python3
"""A headless Chromium, led by lines on stdin; each is answered by one line. The DevTools protocol goes over a pipe
(--remote-debugging-pipe: fd 3 to the browser, fd 4 from it, messages end with a NUL), so that no port is needed.

    open URL              loads it; waits for the load event
    wait SECONDS JS       until the expression is true: "ok"; or "no" and what it was last
    eval JS               its value, as JSON
    size WIDTH HEIGHT     of the window, in CSS pixels; 1 of them is one of the picture
    scheme light|dark     prefers-color-scheme
    key NAME              presses a key: Tab, Enter
    shot FILE             a PNG of the whole page
    look FILE             a PNG of what the window shows
    troubles              what the page complained of since the last time: exceptions, console, security, as JSON
    requests              every URL that was asked for since the last time, each once, as JSON
"""

import argparse
import base64
import collections
import json
import os
import select
import subprocess
import sys
import time

KEYS = {"Tab": 9, "Enter": 13}


class Browser:
    def __init__(self, profile, log):
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()

        def wire():  # the browser's own numbers; through high ones, since ours may be 3 or 4 themselves
            high = os.dup2(to_read, 103), os.dup2(from_write, 104)
            os.dup2(high[0], 3, inheritable=True)
            os.dup2(high[1], 4, inheritable=True)

        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={profile}",
             "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--disable-extensions", "--no-proxy-server",
             "--hide-scrollbars", "--force-color-profile=srgb", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False, preexec_fn=wire)
        os.close(to_read)
        os.close(from_write)
        self.out, self.source = to_write, from_read
        self.buffer = b""
        self.number = 0
        self.events = collections.deque()
        self.troubles, self.requests = [], []
        self.session = None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.call(f"{domain}.enable")

    def read(self, seconds):
        """One message, or None when none came in time."""
        end = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.source], [], [], left)[0]:
                return None
            data = os.read(self.source, 1 << 20)
            if not data:
                raise SystemExit("the browser is gone")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def take(self, event):
        method, params = event["method"], event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.troubles.append("exception: " + details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled":
            self.troubles.append(f"console.{params['type']}: " + " ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif method == "Log.entryAdded":
            entry = params["entry"]
            self.troubles.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}".strip())
        elif method == "Audits.issueAdded" and params["issue"]["code"] == "ContentSecurityPolicyIssue":
            self.troubles.append("csp: " + json.dumps(params["issue"]["details"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        else:
            self.events.append(method)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 60
        while time.monotonic() < end:
            answer = self.read(1)
            if answer is None:
                continue
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            if "method" in answer:
                self.take(answer)
        raise RuntimeError(f"{method}: no answer")

    def settle(self):
        """Takes in what has come meanwhile."""
        while (event := self.read(0)) is not None:
            if "method" in event:
                self.take(event)

    def eval(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", "exception"))
        return answer["result"].get("value")

    # ---- commands ----

    def do_open(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        end = time.monotonic() + 30
        while "Page.loadEventFired" not in self.events and time.monotonic() < end:
            event = self.read(1)
            if event and "method" in event:
                self.take(event)
        return "ok" if "Page.loadEventFired" in self.events else "no load event"

    def do_wait(self, rest):
        seconds, expression = rest.split(" ", 1)
        end = time.monotonic() + float(seconds)
        while True:
            value = self.eval(expression)
            if value:
                return "ok"
            if time.monotonic() > end:
                return f"no {json.dumps(value)}"
            time.sleep(0.05)

    def do_eval(self, expression):
        return json.dumps(self.eval(expression), ensure_ascii=False)

    def do_size(self, rest):
        width, height = map(int, rest.split())
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        return "ok"

    def do_scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name},
                                                          {"name": "prefers-reduced-motion", "value": "reduce"}])
        return "ok"

    def do_key(self, name):
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=KEYS[name])
        return "ok"

    def do_shot(self, path, whole=True):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture))
        return "ok"

    def do_look(self, path):
        return self.do_shot(path, whole=False)

    def do_troubles(self, _):
        self.settle()
        out, self.troubles = self.troubles, []
        return json.dumps(out, ensure_ascii=False)

    def do_requests(self, _):
        self.settle()
        out, self.requests = self.requests, []
        return json.dumps(sorted(set(out)))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--profile", required=True, help="a folder of its own")
    options.add_argument("--log", required=True)
    given = options.parse_args()
    with open(given.log, "ab") as log:
        browser = Browser(given.profile, log)
        print("ok", flush=True)
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            try:
                print(getattr(browser, f"do_{word}")(rest), flush=True)
            except (RuntimeError, AttributeError, ValueError) as error:
                print("no " + str(error).replace("\n", " "), flush=True)
        browser.process.terminate()
        browser.process.wait()


if __name__ == "__main__":
    main()
