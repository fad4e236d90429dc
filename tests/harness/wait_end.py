#!/usr/bin/env python3
"""One request on a TCP connection, then silence until somebody ends it. wait_end.py ADDRESS PORT SECONDS
Prints "answered PORT" (its own), and at the end "reset", "closed" or "alive"."""

import http.client
import sys


def main():
    address, port, patience = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    connection = http.client.HTTPConnection(address, port, timeout=5)
    connection.request("GET", "/")
    connection.getresponse().read()
    print("answered", connection.sock.getsockname()[1], flush=True)
    connection.sock.settimeout(patience)
    try:
        print("closed" if not connection.sock.recv(1) else "more")
    except ConnectionResetError:
        print("reset")
    except TimeoutError:
        print("alive")


if __name__ == "__main__":
    main()
