#!/usr/bin/env python3
"""New connections as fast as they come, WORKERS at a time, one request on each, until a line comes on stdin. Prints "started" after
the first answer, and at the end {"calls": n, "by": {"s1": n}, "failures": ["after 1.23 s: …"]}."""

import collections
import json
import socket
import sys
import threading
import time

PATIENCE = 3.0


class Rush:
    def __init__(self, address, port):
        self.target = (address, port)
        self.start = time.monotonic()
        self.by = collections.Counter()
        self.failures = []
        self.ended = threading.Event()
        self.first = threading.Event()

    def call(self):
        with socket.create_connection(self.target, timeout=PATIENCE) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        if b" 200 " not in head.splitlines()[0] or not body:
            raise OSError(f"answered {answer!r}")
        return body.split()[0].decode()

    def work(self):
        while not self.ended.is_set():
            try:
                self.by[self.call()] += 1
                self.first.set()
            except (OSError, IndexError) as error:
                self.failures.append(f"after {time.monotonic() - self.start:.2f} s: {error!r}")


def main():
    rush = Rush(sys.argv[1], int(sys.argv[2]))
    workers = [threading.Thread(target=rush.work) for _ in range(int(sys.argv[3]))]
    for worker in workers:
        worker.start()
    rush.first.wait(PATIENCE)
    print("started", flush=True)
    sys.stdin.readline()
    rush.ended.set()
    for worker in workers:
        worker.join()
    print(json.dumps({"calls": sum(rush.by.values()), "by": rush.by, "failures": rush.failures}), flush=True)


if __name__ == "__main__":
    main()
