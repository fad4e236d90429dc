#!/usr/bin/env python3
"""Bad company on the control socket.

nuisance.py SOCKET idle N    opens N connections, says "held N", and holds them, silent, until stdin ends
nuisance.py SOCKET junk      sends what is no request, in many ways; prints how many ways, and fails if one of them was
                             answered with a result
"""

import json
import os
import socket
import struct
import sys


def connect(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(5.0)
    sock.connect(path)
    return sock


def idle(path, count):
    held = [connect(path) for _ in range(count)]
    print("held", len(held), flush=True)
    sys.stdin.read()


def framed(body):
    return struct.pack(">I", len(body)) + body


def junk_messages():
    yield b""
    yield b"\x00"
    yield b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    yield os.urandom(64 * 1024)
    yield struct.pack(">I", 0)
    yield struct.pack(">I", 0xFFFFFFFF) + b"{" * 100
    yield struct.pack(">I", 1000) + b'{"request":'
    yield framed(b"")
    yield framed(b"not json")
    yield framed(b"\xff\xfe\x00")
    yield framed(b"null")
    yield framed(b"[]")
    yield framed(b"[" * 100_000)
    yield framed(b'{"request":' * 50_000)
    yield framed(json.dumps({"request": "no-such-thing", "params": {}}).encode())
    yield framed(json.dumps({"request": 7}).encode())
    yield framed(json.dumps({"request": "status", "params": {"no": "such"}}).encode())
    yield framed(json.dumps({"request": "apply", "params": {"config": 1}}).encode())


def junk(path):
    ways = 0
    for message in junk_messages():
        with connect(path) as sock:
            answer = b""
            try:
                sock.sendall(message)
                sock.shutdown(socket.SHUT_WR)
                while piece := sock.recv(65536):
                    answer += piece
            except TimeoutError:
                sys.exit(f"held open for 5 s after {message[:40]!r}")
            except OSError:
                pass
            if b'"result"' in answer:
                sys.exit(f"took {message[:40]!r} for a request: {answer[:200]!r}")
            ways += 1
    print(ways, "kinds of junk")


if __name__ == "__main__":
    if sys.argv[2] == "idle":
        idle(sys.argv[1], int(sys.argv[3]))
    else:
        junk(sys.argv[1])
