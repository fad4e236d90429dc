#!/usr/bin/env python3
"""Sends one datagram of SIZE bytes of UDP payload that may not be fragmented, waits for what the network says to it, and
prints {"sent": true, "answer": "EMSGSIZE", "mtu": 1200}: the error that came back (or the answer's length), and the path MTU
that the kernel has learnt."""

import errno
import json
import select
import socket
import sys

IP_MTU_DISCOVER, IP_MTU, IPV6_MTU_DISCOVER, IPV6_MTU, DO = 10, 14, 23, 24, 2


def main():
    address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    six = ":" in address
    level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(level, IPV6_MTU_DISCOVER if six else IP_MTU_DISCOVER, DO)
        sock.connect((address, port))
        result = {"sent": True}
        try:
            sock.send(b"x" * size)
            poller = select.poll()
            poller.register(sock, select.POLLIN | select.POLLERR)
            if poller.poll(2000):
                result["answer"] = len(sock.recv(65535))
            else:
                result["answer"] = "nothing"
        except OSError as error:
            result["answer"] = errno.errorcode[error.errno]
        result["mtu"] = sock.getsockopt(level, IPV6_MTU if six else IP_MTU)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
