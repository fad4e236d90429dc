#!/usr/bin/env python3
"""Opens TCP connections and holds them. Commands come on stdin, one a line; each is answered by one line of JSON.

open N     {"opened": n, "refused": n, "timed_out": n, "slowest": seconds}
close      closes all, client first
bye        asks the servers to close all of them (GET /bye), server first, then closes
End of input closes everything.
"""

import json
import socket
import sys
import time

PATIENCE = 3.0


class Holder:
    def __init__(self, address, port):
        self.target = (address, port)
        self.held = []

    def open(self, count):
        result = {"opened": 0, "refused": 0, "timed_out": 0, "slowest": 0.0}
        for _ in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.settimeout(PATIENCE)
            start = time.monotonic()
            try:
                sock.connect(self.target)
                self.held.append(sock)
                result["opened"] += 1
            except (TimeoutError, socket.timeout):
                result["timed_out"] += 1
                sock.close()
            except OSError:
                result["refused"] += 1
                sock.close()
            result["slowest"] = round(max(result["slowest"], time.monotonic() - start), 3)
        return result

    def close(self):
        result = {"closed": len(self.held)}
        for sock in self.held:
            sock.close()
        self.held.clear()
        return result

    def bye(self):
        ended = 0
        for sock in self.held:
            sock.sendall(b"GET /bye HTTP/1.1\r\nHost: x\r\n\r\n")
        for sock in self.held:
            try:
                while sock.recv(65536):
                    pass
                ended += 1
            except OSError:
                pass
        return {"ended_by_server": ended} | self.close()


def main():
    holder = Holder(sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        command, *arguments = line.split()
        result = holder.open(int(arguments[0])) if command == "open" else getattr(holder, command)()
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
