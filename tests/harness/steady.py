#!/usr/bin/env python3
"""A client that must notice nothing: requests on one kept-alive connection, and new connections beside it, every PERIOD
seconds, until stdin ends. Says which port the kept one has. Prints {"kept": n, "new": n, "failures": [...]}."""

import http.client
import json
import select
import sys
import time

PERIOD = 0.05
PATIENCE = 3.0


def request(connection):
    connection.request("GET", "/")
    response = connection.getresponse()
    body = response.read()
    if response.status != 200 or not body:
        raise http.client.HTTPException(f"status {response.status}, {len(body)} bytes")


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    start = time.monotonic()
    result = {"kept": 0, "new": 0, "failures": []}
    kept = http.client.HTTPConnection(address, port, timeout=PATIENCE)
    kept.auto_open = 1
    request(kept)
    kept.auto_open = 0  # from here on a broken connection is a failure, not a reason to dial again
    print("started from port", kept.sock.getsockname()[1], flush=True)
    while not select.select([sys.stdin], [], [], PERIOD)[0]:
        for what in ("kept", "new"):
            connection = kept if what == "kept" else http.client.HTTPConnection(address, port, timeout=PATIENCE)
            try:
                request(connection)
                result[what] += 1
            except (OSError, http.client.HTTPException) as error:
                result["failures"].append(f"{what} after {time.monotonic() - start:.2f} s: {error!r}")
            if what == "new":
                connection.close()
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
