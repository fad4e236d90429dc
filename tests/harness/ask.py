#!/usr/bin/env python3
"""Asks a UDP service COUNT questions, each from a socket of its own, and prints how many were answered rightly, and by
whom: {"answered": 50, "by": {"s1": 25, "s2": 25}, "seen": ["1.1.1.254"]}. A wrong answer is a lost one."""

import collections
import json
import os
import socket
import sys


def main():
    address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    size = int(sys.argv[4]) if len(sys.argv) > 4 else 32
    by, seen = collections.Counter(), set()
    for _ in range(count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1.0)
            sock.connect((address, port))
            question = os.urandom(size // 2).hex()
            try:
                sock.send(question.encode())
                name, client, _port, echo = sock.recv(65535).decode().split(" ", 3)
            except (OSError, ValueError):
                continue
            if echo == question:
                by[name] += 1
                seen.add(client)
    print(json.dumps({"answered": sum(by.values()), "by": by, "seen": sorted(seen)}))


if __name__ == "__main__":
    main()
