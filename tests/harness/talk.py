#!/usr/bin/env python3
"""One conversation over UDP: one socket. Each line on stdin is a question; what is printed for it is the name of the server
that answered (server.py), "refused" or "silence"."""

import socket
import sys


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        sock.connect((address, port))
        for line in sys.stdin:
            try:
                sock.send(line.strip().encode())
                answer = sock.recv(65535).decode().split(" ", 1)[0]
            except ConnectionRefusedError:
                answer = "refused"
            except OSError:
                answer = "silence"
            print(answer, flush=True)


if __name__ == "__main__":
    main()
