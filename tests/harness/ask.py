#!/usr/bin/env python3
"""Asks a UDP service COUNT questions, each from a socket of its own, and prints how many were answered rightly, and by
whom: {"answered": 50, "refused": 0, "by": {"s1": 25, "s2": 25}, "seen": ["1.1.1.254"]}. A wrong answer is a lost one;
refused is what an ICMP error answers."""

import collections
import json
import os
import socket
import sys


def main():
    address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    size = int(sys.argv[4]) if len(sys.argv) > 4 else 32
    by, seen, refused = collections.Counter(), set(), 0
    for _ in range(count):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1.0)
            sock.connect((address, port))
            question = os.urandom(size // 2).hex()
            try:
                sock.send(question.encode())
                name, client, _port, echo = sock.recv(65535).decode().split(" ", 3)
            except ConnectionRefusedError:
                refused += 1
                continue
            except (OSError, ValueError):
                continue
            if echo == question:
                by[name] += 1
                seen.add(client)
    print(json.dumps({"answered": sum(by.values()), "refused": refused, "by": by, "seen": sorted(seen)}))


if __name__ == "__main__":
    main()
