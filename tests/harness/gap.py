#!/usr/bin/env python3
"""Asks a UDP service every 10 ms from one socket until stdin ends, and says what was lost. gap.py ADDRESS PORT
A line on stdin is a mark: {"mark": LINE, "lost": n, "gap": seconds} since the one before is printed, where gap is the
longest time without an answer. Answers later than 300 ms count as lost."""

import json
import select
import socket
import sys
import time

PERIOD = 0.01
LATE = 0.3


class Gaps:
    def __init__(self):
        self.asked = {}
        self.reset()

    def reset(self):
        self.lost, self.gap, self.last = 0, 0.0, time.monotonic()

    def answered(self, number, now):
        if self.asked.pop(number, None) is not None:
            self.gap = max(self.gap, now - self.last)
            self.last = now

    def expire(self, now):
        for number in [n for n, at in self.asked.items() if now - at > LATE]:
            del self.asked[number]
            self.lost += 1

    def settle(self, sock):
        """What was asked before the mark belongs to it: its answers are awaited."""
        until = time.monotonic() + LATE
        while self.asked and (left := until - time.monotonic()) > 0:
            if select.select([sock], [], [], left)[0]:
                self.receive(sock)
        self.expire(until + LATE)

    def receive(self, sock):
        try:
            self.answered(int(sock.recv(2048).decode().rsplit(" ", 1)[1]), time.monotonic())
        except (OSError, ValueError, IndexError):
            pass

    def report(self, mark, now):
        self.gap = max(self.gap, now - self.last)
        print(json.dumps({"mark": mark, "lost": self.lost, "gap": round(self.gap, 2)}), flush=True)
        self.reset()


def main():
    family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.connect((sys.argv[1], int(sys.argv[2])))
    sock.setblocking(False)
    gaps, number, due = Gaps(), 0, time.monotonic()
    print("started", flush=True)
    while True:
        now = time.monotonic()
        if now >= due:
            number, due = number + 1, max(due + PERIOD, now - PERIOD)
            gaps.asked[number] = now
            try:
                sock.send(str(number).encode())
            except OSError:
                pass  # an ICMP error of an earlier one: that one is lost
        ready = select.select([sock, sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]
        now = time.monotonic()
        if sock in ready:
            gaps.receive(sock)
        gaps.expire(now)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            gaps.settle(sock)
            gaps.report(line.strip(), now)


if __name__ == "__main__":
    main()
